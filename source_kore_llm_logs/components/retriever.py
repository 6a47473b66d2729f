"""Which rows are a window's own, and how one window is read whole.

The vendor does not say which date its filter looks at, whether its bounds are inclusive, whether the time of day
counts, or in what order rows come [U]. So a request asks for more than the window, and a row is kept only in the
window that holds its own date:

1. Windows tile `[start_date, sync end]` of a bot to the millisecond. The CDK's slices are closed at both ends; here
   a window is half-open, `[start, end + 1 ms)`. A row belongs to the window that holds its `End Date`, or its
   `start Date` when it has none.
2. Requests are padded: by an hour before (a call that began before the window, where the filter looks at the
   start), and by a day at both ends (a filter that cuts its bound to the day and excludes it). A window of 86
   days is the longest whose request stays within 90 calendar days.
3. Within a window a row is emitted once, known by its id. A row that is met twice means that rows moved while
   being paged: the window is paged again until it is known to be whole.
4. A window too deep for the server's `skip` is read as two halves.
5. The day of padding at both ends is given up for the sync once the server has proved that it needs none, and that is
   asked for where it saves requests. -> reading/padding.py
6. A server that takes no `dateTo` in the future leaves no room for the padding of the last days. If it does not prove
   that it needs none, rows of the last day are left to a later sync, and the cursor waits a day behind.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass
from datetime import datetime, timedelta, timezone
from threading import Lock
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.requester import Requester
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, Record, StreamSlice

from source_kore_llm_logs.components.config_normalization import SETTLING_DELAY
from source_kore_llm_logs.components.error_handler import rows_of
from source_kore_llm_logs.errors import Fault, PageTooLarge, RequestRefused, RetriesExhausted
from source_kore_llm_logs.reading.id_set import IdSet
from source_kore_llm_logs.reading.padding import FULL, NARROW, Span, around_a_call, moment
from source_kore_llm_logs.reading.request_format import ROUND_DEPTH, SUSPICIOUS_DEPTH, Server
from source_kore_llm_logs.records.record import to_record
from source_kore_llm_logs.records.timestamps import iso_ms
from source_kore_llm_logs.runtime.sync_report import WindowCount, current_report

MILLISECOND = timedelta(milliseconds=1)
NARROWEST_SPLIT = timedelta(seconds=1)
MAX_PASSES = 8
FEW_ROWS = 10

FILTERS = {
    "channels": "channel",
    "feature_names": "featureName",
    "task_id": "taskId",
    "user_ids": "userIds",
    "channel_user_ids": "channelUserIds",
}
"""Config field -> key of the request body, as the sample request [D] and the known client [C] spell them."""


class WindowTooDeep(Exception):
    """The server does not page to the end of this window. `refused`: it said so itself."""

    def __init__(self, refused: bool):
        self.refused = refused


class NarrowerSpan(Exception):
    """Bounds were proved in the middle of a pass that is worth beginning again with less padding."""


class EmittedIds:
    """Ids of the records that one sync has emitted for a bot without any date to place them by."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._lock = Lock()

    def add(self, bot_id: str, record_id: str) -> bool:
        """Whether the id is new."""
        with self._lock:
            before = len(self._seen)
            self._seen.add((bot_id, record_id))
            return len(self._seen) > before


@dataclass(frozen=True)
class Window:
    """`[start, end)` of one bot, in UTC."""

    bot_id: str
    start: datetime
    end: datetime
    is_part: bool = False

    def halves(self) -> tuple["Window", "Window"] | None:
        """Two windows that tile this one, or None if it is too narrow."""
        half = (self.end - self.start) / 2
        half -= timedelta(microseconds=half.microseconds % 1000)
        if half < NARROWEST_SPLIT:
            return None
        middle = self.start + half
        return Window(self.bot_id, self.start, middle, True), Window(self.bot_id, middle, self.end, True)


@dataclass(frozen=True)
class Page:
    """The records of one answer, and how it was asked for."""

    records: list[dict[str, Any]]
    size: int
    """Bytes of the answer."""
    span: Span
    limit: int


@dataclass
class WindowRetriever(Retriever):
    """Reads every window of every bot; one instance serves all threads of a sync."""

    requester: Requester
    config: Config
    parameters: InitVar[Mapping[str, Any]]
    name: str = "llm_usage_logs"
    primary_key: Any = None
    cursor: Cursor | None = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._server = Server(self.config.get("page_size"))
        self._redact = self.config.get("payload_content") == "redacted"
        self._report = current_report()
        self._undated = EmittedIds()
        self._failed_bots: dict[str, Fault] = {}
        self._lock = Lock()
        self._latest = datetime.now(timezone.utc) - SETTLING_DELAY + NARROW.after
        self._sync_end = moment(self.config["sync_end"]) + MILLISECOND
        self._complete_until: dict[str, str] = {}
        self._proving = Lock()
        self._first_pages: defaultdict[str, Lock] = defaultdict(Lock)
        self._fixed_body: dict[str, Any] = {
            "isDeveloper": bool(self.config.get("include_developer_usage", True)),
            **{key: self.config[name] for name, key in FILTERS.items() if self.config.get(name)},
        }

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        """The records of one window (`start_time`, `end_time` of the slice), each once.

        Raises Fault, which names the bot; then the window is not checkpointed.
        """
        assert stream_slice is not None
        bot_id = stream_slice.partition["bot_id"]
        start, end = stream_slice.cursor_slice["start_time"], stream_slice.cursor_slice["end_time"]
        window = Window(bot_id, moment(start), moment(end) + MILLISECOND)
        count = WindowCount()
        if self.config.get("__checking"):
            self._fetch(window, 0, stream_slice, at_most=1)
            return
        with self._lock:
            fault = self._failed_bots.get(bot_id)
        if fault:
            # Every window of this bot ends the same way, and none may pass for read.
            raise fault
        try:
            yield from self._read(window, IdSet(), count, stream_slice)
        except Fault as fault:
            with self._lock:
                self._failed_bots.setdefault(bot_id, fault)
            raise
        finally:
            self._report.backpressure.release()
        self._report.window(bot_id, start, end, count)
        complete_until = min(end, self._complete_until.get(bot_id, end))
        if self.cursor is not None and complete_until > start:
            # The window is read to its end, with or without a row at the end: the cursor is to know.
            self.cursor.observe(Record({"end_date": complete_until}, self.name, stream_slice))

    def _read(
        self, window: Window, emitted: IdSet, count: WindowCount, stream_slice: StreamSlice
    ) -> Iterator[StreamData]:
        """The window's own records but those of `emitted`, to which it adds."""
        known = IdSet()
        twins: Counter[str] = Counter()
        settled_passes = number = 0
        refused_depth = False
        while number < MAX_PASSES:
            received = fresh = 0
            try:
                for records in self._pages(window, count, stream_slice, number):
                    received += len(records)
                    ids = {record["id"] for record in records}
                    for record_id in ids:
                        known.add(record_id)
                    owned = self._bounds(window)
                    if len(ids) < len(records):
                        # One page holds no row twice: these are rows that are equal in every column.
                        twins |= Counter(record["id"] for record in records) - Counter(ids)
                    for record in records:
                        if not self._owns(owned, window, record, count) or not emitted.add(record["id"]):
                            continue
                        fresh += 1
                        count.kept += 1
                        yield record
                    yield self._report.backpressure.handed_on()
            except NarrowerSpan:
                known, twins = IdSet(), Counter()
                continue
            except WindowTooDeep as deep:
                refused_depth = deep.refused
                break
            number += 1
            # Whole: every row that was counted is known. In a first pass that is so if nothing was met twice.
            if received <= len(known) + twins.total():
                return
            settled_passes = settled_passes + 1 if fresh == 0 else 0
            if settled_passes == 2:
                return
        halves = window.halves()
        if halves is None:
            if refused_depth or settled_passes < 1:
                raise Fault(
                    message=f"Bot {window.bot_id}: the rows around {iso_ms(window.start)} cannot be read to the end, "
                    "because they keep moving or are more than the API pages through. They are read again at the "
                    "next sync; if this goes on, narrow the sync by `channels` or `feature_names`.",
                    failure_type=FailureType.transient_error,
                )
            return
        for half in halves:
            yield from self._read(half, emitted, count, stream_slice)

    def _bounds(self, window: Window) -> tuple[str, str]:
        """`[first, after)` of the dates that the window holds and that are known to be complete."""
        end = iso_ms(window.end)
        return iso_ms(window.start), min(end, self._complete_until.get(window.bot_id, end))

    def _owns(self, owned: tuple[str, str], window: Window, record: Mapping[str, Any], count: WindowCount) -> bool:
        date = record["end_date"] or record["start_date"]
        if date is None:
            # No window holds it: the first that meets it emits it.
            is_new = self._undated.add(window.bot_id, record["id"])
            count.undated += is_new
            return is_new
        return bool(owned[0] <= date < owned[1])

    def _pages(
        self, window: Window, count: WindowCount, stream_slice: StreamSlice, number: int = 0
    ) -> Iterator[list[dict[str, Any]]]:
        """The pages of one pass over a window, as records.

        Each pass of a window (`number`) begins with a page of another size, so that rows whose order changes from
        request to request do not meet the same bounds of pages again.

        Raises WindowTooDeep, or NarrowerSpan before it has yielded the page that gave rise to it.
        """
        page = self._first_page(window, stream_slice, self._server.part_of_a_page(number))
        skip = back = full_pages = 0
        last_id = ""
        while True:
            count.pages += 1
            count.received += len(page.records)
            if not page.records:
                if back or (full_pages and self._ends_at_a_ceiling(window, skip, count, stream_slice, page.span)):
                    self._server.stops_at(skip - back)
                    raise WindowTooDeep(refused=False)
                return
            records = page.records
            is_known = back and records[0]["id"] == last_id
            last_id = records[-1]["id"]
            is_last, was_full = self._server.ends(len(records), page.limit, page.size)
            full_pages = full_pages + 1 if was_full else 0
            self._server.deepest = max(self._server.deepest, skip - back)
            skip += len(records) - back
            is_many = len(records) >= page.limit or full_pages > 1
            if is_many and self._would_be_shorter(window, page.span) and self._prove_bounds(page, stream_slice):
                raise NarrowerSpan
            yield records[1:] if is_known else records
            if is_last:
                return
            # Ceilings are round numbers. Asked for from one row back, an empty page can be nothing but a ceiling.
            back = int(skip % ROUND_DEPTH == 0 and skip > self._server.deepest)
            page = self._fetch(window, skip - back, stream_slice, page.span)

    def _first_page(self, window: Window, stream_slice: StreamSlice, at_most: int | None) -> Page:
        """Page one of a pass. It decides with which dates and in which form the pass goes on.

        Where a bot has more windows than one, its first pages are asked for one after the other until bounds are
        proved or cannot be, so that not all of them are padded with days that none needs.
        """
        if self._server.proved or (not window.is_part and window.end >= self._sync_end):
            return self._fetch(window, 0, stream_slice, at_most=at_most)
        self._report.backpressure.release()  # Whoever waits for a turn keeps no room from whose turn it is.
        with self._first_pages[window.bot_id]:
            page = self._fetch(window, 0, stream_slice, at_most=at_most)
            self._prove_bounds(page, stream_slice)
            return page

    @staticmethod
    def _would_be_shorter(window: Window, span: Span) -> bool:
        """Whether most of what a pass reads is padding."""
        return span.padding is FULL and window.end - window.start < FULL.length

    def _prove_bounds(self, page: Page, stream_slice: StreamSlice) -> bool:
        """Whether narrow padding is enough for this server; asks it once a sync, if the page shows a fit call."""
        kind = page.span.form.dates
        self._report.backpressure.release()
        with self._proving:
            if kind not in self._server.proved:
                around = around_a_call(page.records)
                if around is None:
                    return False
                body = page.span.form.body(min(FEW_ROWS, page.limit), *around, skip=0)
                try:
                    shown, _ = self._send(body, stream_slice)
                except RequestRefused:
                    shown = []
                self._server.proved[kind] = any(record["end_date"] or record["start_date"] for record in shown)
            return self._server.proved[kind]

    def _ends_at_a_ceiling(
        self, window: Window, skip: int, count: WindowCount, stream_slice: StreamSlice, span: Span
    ) -> bool:
        """Whether an empty page after a full one is the server's ceiling of `skip` and not the end of the rows.

        From one row back a window that ends here gives that one row; a window that goes on gives more.
        """
        if skip < SUSPICIOUS_DEPTH or skip <= self._server.deepest:
            return False
        page = self._fetch(window, skip - 1, stream_slice, span)
        count.pages += 1
        return len(page.records) != 1

    def _span(self, window: Window) -> Span:
        """How a pass that begins now is asked for."""
        form = self._server.form
        padding = NARROW if self._server.proved.get(form.dates) else FULL
        date_to = window.end + padding.after
        is_cut = form.date_to == "now" and date_to > self._latest
        return Span(form, window.start - padding.before, self._latest if is_cut else date_to, padding, is_cut)

    def _fetch(
        self,
        window: Window,
        skip: int,
        stream_slice: StreamSlice,
        span: Span | None = None,
        at_most: int | None = None,
    ) -> Page:
        """One page of the `span` that the window's first page was given in; that one finds a span itself."""
        if skip >= self._server.ceiling:
            raise WindowTooDeep(refused=True)
        while True:
            asked = span or self._span(window)
            limit = min(self._server.limit, at_most or self._server.limit)
            body = asked.form.body(limit, asked.date_from, asked.date_to, skip)
            try:
                page = Page(*self._send(body, stream_slice), asked, limit)
            except RequestRefused as refusal:
                if self._server.takes_back(limit):
                    continue
                if span is not None:
                    self._server.stops_at(skip)
                    raise WindowTooDeep(refused=True) from refusal
                self._server.refuse(asked.form, refusal)
                continue
            except PageTooLarge as too_large:
                self._server.shrink(limit, too_large)
                continue
            except RetriesExhausted:
                if skip < SUSPICIOUS_DEPTH:
                    raise
                self._fetch(window, 0, stream_slice)  # Raises the same if it is not the depth that fails.
                self._server.stops_at(skip)
                raise WindowTooDeep(refused=True) from None
            self._server.answers(limit)
            hidden_from = self._latest - FULL.after
            if asked.is_cut and window.end > hidden_from and window.bot_id not in self._complete_until:
                is_proved = self._prove_bounds(page, stream_slice)
                self._complete_until[window.bot_id] = "9999" if is_proved else iso_ms(hidden_from)
            return page

    def _send(self, body: Mapping[str, Any], stream_slice: StreamSlice) -> tuple[list[dict[str, Any]], int]:
        """The records of one request, and the bytes of its answer."""
        self._report.backpressure.wait()
        response = self.requester.send_request(
            stream_slice=stream_slice, request_body_json={**self._fixed_body, **body}
        )
        assert response is not None
        bot_id = stream_slice.partition["bot_id"]
        rows, size = rows_of(response), len(response.content)
        del response  # Its bytes take as much memory as the rows.
        return [to_record(bot_id, row, self._redact) for row in rows], size
