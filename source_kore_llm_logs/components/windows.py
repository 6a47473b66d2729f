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
5. A server that takes no `dateTo` in the future leaves no room for the padding of the last days. If no row of today
   proves that it looks at the time of day, rows of today are left to a later sync, and the cursor waits at midnight.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass
from datetime import datetime, timedelta, timezone
from threading import Lock, RLock
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.requester import Requester
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, Record, StreamSlice

from source_kore_llm_logs.components.configuration import SETTLING_DELAY, iso_ms
from source_kore_llm_logs.components.errors import (
    Fault,
    PageTooLarge,
    RequestRefused,
    RetriesExhausted,
    rows_of,
)
from source_kore_llm_logs.components.id_set import IdSet
from source_kore_llm_logs.components.pagination import ROUND_DEPTH, SUSPICIOUS_DEPTH, Form, Server, midnight
from source_kore_llm_logs.components.records import to_record
from source_kore_llm_logs.components.report import WindowCount, current_report

LONGEST_CALL = timedelta(hours=1)
PADDING_BEFORE = LONGEST_CALL + timedelta(days=1)
PADDING_AFTER = timedelta(days=1)
PADDING_WHERE_TIME_OF_DAY_COUNTS = timedelta(seconds=2)
MILLISECOND = timedelta(milliseconds=1)
NARROWEST_SPLIT = timedelta(seconds=1)
MAX_PASSES = 8
DEFAULT_PAGE_SIZE = 1000

FILTERS = {
    "channels": "channel",
    "feature_names": "featureName",
    "task_id": "taskId",
    "user_ids": "userIds",
    "channel_user_ids": "channelUserIds",
}
"""Config field -> key of the request body, as the sample request [D] and the known client [C] spell them."""


def moment(iso: str) -> datetime:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` as an aware UTC datetime."""
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


class WindowTooDeep(Exception):
    """The server does not page to the end of this window. `refused`: it said so itself."""

    def __init__(self, refused: bool):
        self.refused = refused


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
    """Rows as the API sent them, and how they were asked for."""

    rows: list[Any]
    form: Form
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
        self._server = Server(int(self.config.get("page_size") or DEFAULT_PAGE_SIZE))
        self._redact = self.config.get("payload_content") == "redacted"
        self._report = current_report()
        self._undated = EmittedIds()
        self._failed_bots: dict[str, Fault] = {}
        self._lock = Lock()
        self._latest = datetime.now(timezone.utc) - SETTLING_DELAY + PADDING_WHERE_TIME_OF_DAY_COUNTS
        self._complete_until: dict[str, str] = {}
        self._today, self._asking = RLock(), ""
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
            self._fetch(window, 0, stream_slice)
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
        self._report.window(bot_id, start, end, count)
        complete_until = min(end, self._complete_until.get(bot_id, end))
        if self.cursor is not None and complete_until > start:
            # The window is read to its end, with or without a row at the end: the cursor is to know.
            self.cursor.observe(Record({"end_date": complete_until}, self.name, stream_slice))

    def _read(
        self, window: Window, emitted: IdSet, count: WindowCount, stream_slice: StreamSlice
    ) -> Iterator[dict[str, Any]]:
        """The window's own records but those of `emitted`, to which it adds."""
        known = IdSet()
        twins: Counter[str] = Counter()
        settled_passes = 0
        refused_depth = False
        for number in range(MAX_PASSES):
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
            except WindowTooDeep as deep:
                refused_depth = deep.refused
                break
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
        """
        at_most = self._server.part_of_a_page(number)
        skip, was_full, last_id, form = 0, False, "", None
        while True:
            # Ceilings are round numbers. Asked for from one row back, an empty page can be nothing but a ceiling.
            back = int(skip > 0 and skip % ROUND_DEPTH == 0 and skip > self._server.deepest)
            page = self._fetch(window, skip - back, stream_slice, form, at_most)
            form, at_most = page.form, None
            count.pages += 1
            count.received += len(page.rows)
            if not page.rows:
                if back or (was_full and self._ends_at_a_ceiling(window, skip, count, stream_slice, form)):
                    self._server.stops_at(skip - back)
                    raise WindowTooDeep(refused=False)
                return
            records = [to_record(window.bot_id, row, self._redact) for row in page.rows]
            is_known = back and records[0]["id"] == last_id
            last_id = records[-1]["id"]
            is_last, was_full = self._server.ends(len(records), page.limit)
            self._server.deepest = max(self._server.deepest, skip - back)
            skip += len(records) - back
            yield records[1:] if is_known else records
            if is_last:
                return

    def _ends_at_a_ceiling(
        self, window: Window, skip: int, count: WindowCount, stream_slice: StreamSlice, form: Form
    ) -> bool:
        """Whether an empty page after a full one is the server's ceiling of `skip` and not the end of the rows.

        From one row back a window that ends here gives that one row; a window that goes on gives more.
        """
        if skip < SUSPICIOUS_DEPTH or skip <= self._server.deepest:
            return False
        page = self._fetch(window, skip - 1, stream_slice, form)
        count.pages += 1
        return len(page.rows) != 1

    def _fetch(
        self,
        window: Window,
        skip: int,
        stream_slice: StreamSlice,
        form: Form | None = None,
        at_most: int | None = None,
    ) -> Page:
        """One page, in the `form` that the window's first page was given in; that one finds a form itself."""
        if skip >= self._server.ceiling:
            raise WindowTooDeep(refused=True)
        while True:
            asked = form or self._server.form
            limit = min(asked.limit, self._server.limit, at_most or asked.limit)
            before, after = PADDING_BEFORE, PADDING_AFTER
            if window.is_part and asked.dates != "day":
                before = LONGEST_CALL if self._server.gives_first_day else before
                after = PADDING_WHERE_TIME_OF_DAY_COUNTS if self._server.gives_last_day else after
            date_from, date_to = window.start - before, window.end + after
            is_cut = asked.date_to == "now" and date_to > self._latest
            if is_cut:
                date_to = self._latest
            body = asked.body(limit, date_from, date_to, skip)
            try:
                response = self.requester.send_request(
                    stream_slice=stream_slice, request_body_json={**self._fixed_body, **body}
                )
            except RequestRefused as refusal:
                if form is not None:
                    self._server.stops_at(skip)
                    raise WindowTooDeep(refused=True) from refusal
                self._server.refuse(asked, refusal)
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
            assert response is not None
            rows = rows_of(response)
            self._server.learn_days(date_from, date_to, rows)
            if is_cut:
                self._find_out_about_today(window.bot_id, stream_slice)
            return Page(rows, asked, limit)

    def _find_out_about_today(self, bot_id: str, stream_slice: StreamSlice) -> None:
        """Decides once a sync whether the rows of today can be read of this bot (point 5 above)."""
        with self._today:
            if bot_id in self._complete_until or bot_id == self._asking:
                return
            self._asking, today = bot_id, midnight(self._latest)
            try:
                for _ in self._pages(Window(bot_id, today, self._latest), WindowCount(), stream_slice):
                    if self._server.gives_last_day:
                        break
            except WindowTooDeep:
                pass
            self._asking = ""
            self._complete_until[bot_id] = "9999" if self._server.gives_last_day else iso_ms(today)
