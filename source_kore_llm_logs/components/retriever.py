"""Connects the CDK to the reader: a bot's slice becomes records, and messages of how far the bot is read."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass
from typing import Any

from airbyte_cdk.models import AirbyteMessage, FailureType
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice

from source_kore_llm_logs.components.error_handler import rows_of
from source_kore_llm_logs.components.requester import BotRequester
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.reading import fetch
from source_kore_llm_logs.reading.bot_log import BotLog, Checkpoint
from source_kore_llm_logs.reading.questions import Questions
from source_kore_llm_logs.reading.span import DAY, MINUTE, Part, Span
from source_kore_llm_logs.reading.wording import SPELLINGS, wordings
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.timestamps import iso_to_ms
from source_kore_llm_logs.runtime.backpressure import Backpressure, EndOfPage, PageMemory
from source_kore_llm_logs.runtime.bot_report import BotReport
from source_kore_llm_logs.runtime.checkpoints import CheckpointMessage

# The most that is reserved for a page before its size is known. The reader chooses `limit` so that a page has about as
# many bytes: `BYTES_A_PAGE` in reading/calibration.py, which must not import this module. Change both together.
MAX_EXPECTED_BYTES = 4 * 1024 * 1024
PAUSES_AFTER_A_REFUSAL = (1.0, 5.0, 15.0)  # Seconds before each retry for a bot that has answered before.


@dataclass
class LogRetriever(Retriever):
    """Reads the logs of bots. One instance serves all threads of a sync; each thread reads one bot at a time."""

    requester: BotRequester
    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._backpressure = Backpressure()
        self._is_check = bool(parameters.get("is_check"))
        filters = {field: value for field in SPELLINGS if (value := self.config.get(field))}
        self._choice = fetch.Choice(filters, bool(self.config.get("include_developer_usage", True)))

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        """The records of a bot's window, an `EndOfPage` after each page and a `CheckpointMessage` after each part. In a
        check, nothing: it sends small requests until one is taken. Blocks while requests are under way, and while the
        sync holds as many bytes as it may. Raises ConnectorError, which names the bot."""
        assert stream_slice is not None
        report, now = BotReport(stream_slice.partition["bot_id"]), self.requester.session.clock.now
        redact = self.config.get("payload_content") == "redacted"
        pages = _PageFetcher(self.requester, self._backpressure, stream_slice, redact, report)
        start, end = (iso_to_ms(stream_slice.cursor_slice[name]) for name in ("start_time", "end_time"))
        longest, most = (self.config.get("window_days") or 90) * DAY, self.config.get("page_size")
        log = BotLog(pages.fetch_page, now, Part(start, end + 1), self._choice, most, longest)
        try:
            if self._is_check:
                self._check(Questions(pages.fetch_page, now, now(), self._choice, 1))
            else:
                yield from self._messages(log, pages, report)
        except fetch.CannotRead as words:
            kind = FailureType.transient_error if words.is_transient else FailureType.config_error
            raise ConnectorError(f"{words}.", kind, report.bot_id) from words
        finally:
            pages.free()

    def _check(self, questions: Questions) -> None:
        """Asks for one row of the last minute, in each wording until one is not refused. Raises the error of the last
        answer if that is not a page."""
        for wording in wordings(self._choice):
            minute = Span(questions.now() - MINUTE, questions.now())
            answer = questions.once(questions.scope, minute, 1, wording)
            if not isinstance(answer, fetch.Refused):
                break
        if not isinstance(answer, fetch.Page):
            raise answer.error

    def _messages(
        self, log: BotLog, pages: "_PageFetcher", report: BotReport
    ) -> Iterator[Mapping[str, Any] | AirbyteMessage]:
        has_failed = True
        try:
            for item in log.read():
                if item is None:
                    yield from pages.end_of_page()
                    report.log_progress(log)
                elif isinstance(item, Checkpoint):
                    yield CheckpointMessage(report.bot_id, item.complete_until)
                else:
                    report.records += 1
                    yield item.record
            has_failed = False
        finally:
            report.log_end(log, has_failed, [named(field) for field in self._choice.filters])


@dataclass
class _PageFetcher:
    """Fetches the pages of one bot, one at a time. Each holds its memory until it is printed. Not thread-safe."""

    requester: BotRequester
    backpressure: Backpressure
    bot: StreamSlice
    redact: bool
    report: BotReport
    was_answered: bool = False
    last: PageMemory | None = None  # The last page, until its `EndOfPage` is sent.
    row_bytes: float = 20 * 1024.0  # The average of the last page with rows; before the first, a guess.

    def fetch_page(self, body: fetch.Body) -> fetch.Answer:
        """Implements `fetch.Fetch`. Blocks while the sync holds as many bytes as it may, and during the request.

        A config error before the first answer is raised at once. Later it may be temporary: it is raised, as a
        transient error, only after some retries. A 404 with `skip` then counts as a refusal: it may mean that no more
        rows exist.
        """
        tries = 0
        while True:
            try:
                return self._answer(body)
            except ConnectorError as error:
                if not self.was_answered or error.failure_type is not FailureType.config_error:
                    raise
                if tries and error.category == "not_found" and int(body["skip"]):
                    return fetch.Refused(error)
                if tries == len(PAUSES_AFTER_A_REFUSAL):
                    what = f"{error.what} The API had given answers before in this sync; {tries + 1} tries failed."
                    raise ConnectorError(what, FailureType.transient_error, self.report.bot_id) from error
            finally:
                self.report.requests = self.requester.session.sent[self.report.bot_id]
            time.sleep(PAUSES_AFTER_A_REFUSAL[tries])
            tries += 1

    def _answer(self, body: fetch.Body) -> fetch.Answer:
        """Raises ConnectorError if no other request for this bot would be answered."""
        self.free()
        expected = min(MAX_EXPECTED_BYTES, int(int(body["limit"]) * self.row_bytes))
        page = self.last = PageMemory(self.backpressure, expected)
        try:
            response = self.requester.page(self.bot, body, page)
        except ConnectorError as error:
            if error.category == "arguments":
                kind = FailureType.transient_error if self.was_answered else error.failure_type
                return fetch.Refused(ConnectorError(error.what, kind, error.bot_id))
            is_unreachable = error.category == "unreachable" and self.was_answered
            if error.category in ("page_size", "server_error") or is_unreachable:
                return fetch.Unavailable(error)
            raise
        size, rows = len(response.content), [self._row(row) for row in rows_of(response)]
        page.resize(size)
        self.was_answered = True
        if rows:
            self.row_bytes = size / len(rows)
        self.report.count(rows, self.requester.session.clock.now())
        return fetch.Page(rows, size)

    def end_of_page(self) -> Iterator[EndOfPage]:
        """The message that follows the records of the last page, if it was not sent yet."""
        if self.last is not None:
            yield EndOfPage(self.last)
            self.last = None

    def free(self) -> None:
        """Releases the last page, unless its `EndOfPage` was sent."""
        for page in self.end_of_page():
            page.page.resize(0)

    def _row(self, row: Any) -> fetch.Row:
        record = to_record(self.report.bot_id, row, self.redact, self.report.repairs)
        start, end = record["start_date"], record["end_date"]
        return fetch.Row(record["id"], start and iso_to_ms(start), end and iso_to_ms(end), record)
