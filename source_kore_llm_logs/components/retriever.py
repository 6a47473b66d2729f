"""Between the CDK and the reader: a bot's slice becomes records, and marks of how far the bot is read."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass
from typing import Any

from airbyte_cdk.models import AirbyteMessage, FailureType
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice

from source_kore_llm_logs.components.error_handler import rows_of
from source_kore_llm_logs.components.requester import BotRequester
from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.manifest import named
from source_kore_llm_logs.reading import fetch
from source_kore_llm_logs.reading.bot_log import BotLog, Checkpoint
from source_kore_llm_logs.reading.questions import Questions
from source_kore_llm_logs.reading.span import DAY, MINUTE, Part, Span
from source_kore_llm_logs.reading.wording import SPELLINGS, wordings
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.timestamps import milliseconds
from source_kore_llm_logs.runtime.backpressure import Backpressure, EndOfPage, HeldPage
from source_kore_llm_logs.runtime.bot_report import BotReport
from source_kore_llm_logs.runtime.checkpoints import Reached

MOST_EXPECTED = 4 * 1024 * 1024  # Bytes of a page: the reader asks for pages of about so many.
PAUSES_AFTER_A_REFUSAL = (1.0, 5.0, 15.0)  # Seconds before a bot that was answered before is asked again.


@dataclass
class LogRetriever(Retriever):
    """Reads a bot's log. One instance serves all threads of a sync, each of which reads one bot at a time."""

    requester: BotRequester
    config: Config
    parameters: InitVar[Mapping[str, Any]]
    name: str = "llm_usage_logs"
    primary_key: Any = None
    cursor: Cursor | None = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._backpressure = Backpressure()
        self._is_check = bool(parameters.get("is_check"))
        filters = {field: value for field in SPELLINGS if (value := self.config.get(field))}
        self._choice = fetch.Choice(filters, bool(self.config.get("include_developer_usage", True)))

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        """The records of a bot's window; behind those of a page and of a part, a mark (`EndOfPage`, `Reached`). Of a
        check, nothing. Blocks while requests are under way, and while the sync holds as many bytes as it may. Raises
        Fault, which names the bot."""
        assert stream_slice is not None
        report, now = BotReport(stream_slice.partition["bot_id"]), self.requester.session.clock.now
        redact = self.config.get("payload_content") == "redacted"
        pages = _Pages(self.requester, self._backpressure, stream_slice, redact, report)
        start, end = (milliseconds(stream_slice.cursor_slice[name]) for name in ("start_time", "end_time"))
        longest, most = (self.config.get("window_days") or 90) * DAY, self.config.get("page_size")
        log = BotLog(pages.answer_to, now, Part(start, end + 1), self._choice, most, longest)
        try:
            if self._is_check:
                self._check(Questions(pages.answer_to, now, now(), self._choice, 1))
            else:
                yield from self._messages(log, pages, report)
        except fetch.CannotRead as words:
            kind = FailureType.transient_error if words.is_transient else FailureType.config_error
            raise Fault(f"{words}.", kind, report.bot_id) from words
        finally:
            pages.free()

    def _check(self, questions: Questions) -> None:
        """Asks for one row of the last minute, in one wording after the other while it is refused. Raises what the last
        refusal, or a fault, stands for."""
        for wording in wordings(self._choice):
            minute = Span(questions.now() - MINUTE, questions.now())
            answer = questions.once(questions.scope, minute, 1, wording)
            if not isinstance(answer, fetch.Refused):
                break
        if not isinstance(answer, fetch.Page):
            raise answer.error

    def _messages(
        self, log: BotLog, pages: "_Pages", report: BotReport
    ) -> Iterator[Mapping[str, Any] | AirbyteMessage]:
        has_failed = True
        try:
            for item in log.read():
                if item is None:
                    yield from pages.end_of_page()
                    report.log_progress(log)
                elif isinstance(item, Checkpoint):
                    yield Reached(report.bot_id, item.complete_until)
                else:
                    report.records += 1
                    yield item.record
            has_failed = False
        finally:
            report.log_end(log, has_failed, [named(field) for field in self._choice.filters])


@dataclass
class _Pages:
    """The pages of one bot, one after the other, each of which holds room until it is printed. One thread uses it."""

    requester: BotRequester
    backpressure: Backpressure
    bot: StreamSlice
    redact: bool
    report: BotReport
    was_answered: bool = False
    last: HeldPage | None = None  # Unless its end was sent on.
    row_bytes: float = 20 * 1024.0  # Of the last page that had rows; before the first, a guess.

    def answer_to(self, body: fetch.Body) -> fetch.Answer:
        """-> fetch.py. Blocks while the sync holds as many bytes as it may, and until the request is answered.

        A refusal that only a person could mend is a config error at first. Behind an answer it may pass: it is believed
        after some tries, as a transient error. A 404 behind page one may say that there are no more rows.
        """
        tries = 0
        while True:
            try:
                return self._answer(body)
            except Fault as fault:
                if not self.was_answered or fault.failure_type is not FailureType.config_error:
                    raise
                if tries and fault.about == "not_found" and int(body["skip"]):
                    return fetch.Refused(fault)
                if tries == len(PAUSES_AFTER_A_REFUSAL):
                    what = f"{fault.what} The API had given answers before in this sync; {tries + 1} tries failed."
                    raise Fault(what, FailureType.transient_error, self.report.bot_id) from fault
            finally:
                self.report.requests = self.requester.session.sent[self.report.bot_id]
            time.sleep(PAUSES_AFTER_A_REFUSAL[tries])
            tries += 1

    def _answer(self, body: fetch.Body) -> fetch.Answer:
        """Raises Fault: what a person has to mend, and a host that cannot be reached before the first answer."""
        self.free()
        page = self.last = HeldPage(self.backpressure, min(MOST_EXPECTED, int(int(body["limit"]) * self.row_bytes)))
        try:
            response = self.requester.page(self.bot, body, page)
        except Fault as fault:
            if fault.about == "arguments":
                kind = FailureType.transient_error if self.was_answered else fault.failure_type
                return fetch.Refused(Fault(fault.what, kind, fault.bot_id))
            if fault.about in ("page_size", "fault") or (fault.about == "host" and self.was_answered):
                return fetch.Unavailable(fault)
            raise
        size, rows = len(response.content), [self._row(row) for row in rows_of(response)]
        page.resize(size)
        self.was_answered = True
        if rows:
            self.row_bytes = size / len(rows)
        self.report.count(rows, self.requester.session.clock.now())
        return fetch.Page(rows, size)

    def end_of_page(self) -> Iterator[EndOfPage]:
        """The mark behind the records of the last page."""
        if self.last is not None:
            yield EndOfPage(self.last)
            self.last = None

    def free(self) -> None:
        """Frees the last page, unless its end was sent on."""
        for page in self.end_of_page():
            page.page.resize(0)

    def _row(self, row: Any) -> fetch.Row:
        record = to_record(self.report.bot_id, row, self.redact, self.report.repairs)
        start, end = record["start_date"], record["end_date"]
        return fetch.Row(record["id"], start and milliseconds(start), end and milliseconds(end), record)
