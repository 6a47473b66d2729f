"""Between the CDK and the reader: gives the reader its `fetch`, and the planner its window."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from typing import Any

from airbyte_cdk.sources.declarative.requesters.requester import Requester
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice

from source_kore_llm_logs.components.error_handler import rows_of
from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge, RequestRefused, RetriesExhausted
from source_kore_llm_logs.reading.bot import Bot
from source_kore_llm_logs.reading.fetch import Answer, Body, Page, Refused, Row, TooLarge, Unavailable
from source_kore_llm_logs.reading.part import DAY, MINUTE, Part
from source_kore_llm_logs.reading.planner import Planner
from source_kore_llm_logs.reading.request_format import SPELLINGS
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.timestamps import milliseconds
from source_kore_llm_logs.runtime.log_of_bot import LogOfBot
from source_kore_llm_logs.runtime.sync_report import current_report


def now() -> int:
    """The present, in milliseconds since the epoch."""
    return int(time.time() * 1000)


@dataclass
class LogRetriever(Retriever):
    """Opens a bot's log for reading. One instance serves all threads of a sync.

    Raises Fault if the CDK hands over no cursor: then no sync would remember what it has read.
    """

    requester: Requester
    config: Config
    parameters: InitVar[Mapping[str, Any]]
    name: str = "llm_usage_logs"
    primary_key: Any = None
    cursor: Cursor | None = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        if self.cursor is None:
            raise Fault("The CDK gave the reader no cursor. Use the version of airbyte-cdk that this connector names.")
        self._report = current_report()
        self._report.opens = self.log_of_bot
        self._is_check = bool(parameters.get("is_check"))
        self._redact = self.config.get("payload_content") == "redacted"

    def log_of_bot(self, stream_slice: StreamSlice) -> LogOfBot:
        """The log that the slice stands for: the whole of a bot's window, both ends of which belong to it.

        The report knows of it from here on. No request is sent yet. Thread-safe.
        """
        bot_id = stream_slice.partition["bot_id"]
        start, end = (milliseconds(stream_slice.cursor_slice[name]) for name in ("start_time", "end_time"))
        bot = Bot(
            bot_id,
            lambda body: self._fetch(stream_slice, body),
            now,
            {field: self.config.get(field) for field in SPELLINGS},
            bool(self.config.get("include_developer_usage", True)),
            self.config.get("page_size"),
        )
        planner = Planner(Part(start, end + 1), (self.config.get("window_days") or 90) * DAY)
        return LogOfBot(bot, planner, self._report)

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        """The records of a bot's window, part after part. Of a check, nothing: it asks whether the bot answers.

        Blocks while requests are under way. Raises Fault, which names the bot.
        """
        assert stream_slice is not None
        log = self.log_of_bot(stream_slice)
        if self._is_check:
            end = log.planner.window.after
            log.bot.must_answer(Part(end - MINUTE, end))
            return
        while (planned := log.planner.take()) is not None:
            for row in log.rows(planned):
                if row is not None:
                    yield row.record

    def _fetch(self, stream_slice: StreamSlice, body: Body) -> Answer:
        """-> fetch.py. Blocks while the sync holds as many bytes as it may, and until the request is answered."""
        backpressure = self._report.backpressure
        backpressure.wait()
        try:
            response = self.requester.send_request(stream_slice=stream_slice, request_body_json=body)
        except HostUnreachable:
            raise
        except RequestRefused as refusal:
            return Refused(refusal.words, refusal)
        except PageTooLarge as fault:
            return TooLarge(fault.message, fault)
        except RetriesExhausted as fault:
            return Unavailable(fault.message, fault)
        assert response is not None
        size, seconds, rows = len(response.content), response.elapsed.total_seconds(), rows_of(response)
        del response  # Its bytes take as much memory as the rows.
        if not rows:
            backpressure.release()
        return Page([self._row(stream_slice.partition["bot_id"], row) for row in rows], size, seconds)

    def _row(self, bot_id: str, row: Any) -> Row:
        record = to_record(bot_id, row, self._redact, self._report.repairs)
        start, end = record["start_date"], record["end_date"]
        return Row(record["id"], start and milliseconds(start), end and milliseconds(end), record)
