"""Complete and once, under every reading of what the API leaves open.

Rows are few and sit where such connectors lose them: on bounds of windows and of days, several on one
millisecond, calls that straddle a bound, leap days and year ends. Every request is looked at, too.
"""

import itertools
import logging
import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessage, ConfiguredAirbyteCatalogSerializer, Type
from airbyte_cdk.models.airbyte_protocol_serializers import AirbyteStateMessageSerializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_tests.command import CATALOG, run
from integration_tests.kore_emulator import Emulator, Reading
from source_kore_llm_logs import SourceKoreLlmLogs
from source_kore_llm_logs.components.error_handler import MAX_TRIES, KoreBackoff
from source_kore_llm_logs.records.record import to_record

BOT = "st-alpha"
START = datetime(2023, 12, 1, tzinfo=timezone.utc)
END = START + timedelta(days=405)
EXACT = {"requests_per_minute": 100_000, "requests_per_hour": 1_000_000}
logging.getLogger("airbyte").setLevel(logging.ERROR)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def row(number: int, end: datetime | None, seconds: float = 3, **columns: Any) -> dict[str, Any]:
    start = (end or START + timedelta(days=number % 400)) - timedelta(seconds=seconds)
    dates = {"start Date": stamp(start)} | ({"End Date": stamp(end)} if end else {})
    return {
        **dates,
        "Time Taken": int(seconds * 1000) + number % 7,
        "Bot ID": BOT,
        "Description": f"row {number}",
        "Status": "Success",
        **columns,
    }


def rows_at_the_edges(first: datetime, window_days: int, seed: int, count: int = 160) -> list[dict[str, Any]]:
    """Rows on, just before and just after bounds of windows and days, from a little before the range to after it."""
    chance = random.Random(seed)
    day, hour, ms = timedelta(days=1), timedelta(hours=1), timedelta(milliseconds=1)
    ends: list[datetime | None] = []
    for n in range(0, 405, max(4, min(86, window_days))):
        bound = first + n * day
        ends += [bound, bound, bound + ms, bound - ms, bound - 3 * hour, bound + 3 * hour]
    for special in ((2024, 2, 29), (2024, 3, 1), (2023, 12, 31), (2024, 1, 1)):
        midnight = datetime(*special, tzinfo=timezone.utc)
        ends += [midnight, midnight, midnight + day - ms, midnight + 2 * hour]
    ends += [first + chance.random() * (END - START) for _ in range(count)]
    ends += [None, None]
    return [row(n, end, chance.choice([0.5, 3, 60, 3000])) for n, end in enumerate(ends)]


def own(rows: list[dict[str, Any]], first: datetime, after: datetime) -> set[str]:
    """Ids of the rows of `[first, after)`, by their end, or by their start where they have none."""
    return {
        to_record(BOT, raw)["id"] for raw in rows
        if stamp(first) <= (raw.get("End Date") or raw["start Date"]) < stamp(after)
    }  # fmt: skip


def sync(config: dict[str, Any], state: list[Any] | None = None) -> tuple[Counter[str], list[Any], bool]:
    """One sync through the source object: how often each id was emitted, the STATE messages, and whether it failed."""
    messages = [AirbyteStateMessageSerializer.load(s) for s in state] if state else None
    catalog = ConfiguredAirbyteCatalogSerializer.load(CATALOG)
    source = SourceKoreLlmLogs(catalog=catalog, config=config, state=messages)
    ids: Counter[str] = Counter()
    states: list[AirbyteStateMessage] = []
    failed = False
    try:
        for message in source.read(logging.getLogger("airbyte"), config, catalog, messages):
            if message.type is Type.RECORD and message.record:
                ids[message.record.data["id"]] += 1
            elif message.type is Type.STATE and message.state:
                states.append(message.state)
    except Exception:
        failed = True
    return ids, [AirbyteStateMessageSerializer.dump(s) for s in states], failed


def truth(emulator: Emulator, bot: str = BOT) -> set[str]:
    return {to_record(bot, raw)["id"] for raw in emulator.rows(bot)}


def assert_no_request_spans_more_than_90_days(emulator: Emulator) -> None:
    for seen in emulator.requests:
        first, last = (datetime.fromisoformat(seen.body[key].replace("Z", "+00:00")) for key in ("dateFrom", "dateTo"))
        assert last - first <= timedelta(days=90)
        assert (last.date() - first.date()).days + 1 <= 90


def assert_each_row_once(emulator: Emulator, config: dict[str, Any]) -> list[Any]:
    ids, states, failed = sync(config)
    assert not failed
    assert set(ids) == truth(emulator)
    assert set(ids.values()) <= {1}
    assert_no_request_spans_more_than_90_days(emulator)
    return states


READINGS = st.builds(
    Reading,
    filter_by=st.sampled_from(["end", "start"]),
    from_inclusive=st.booleans(),
    to_inclusive=st.booleans(),
    precision=st.sampled_from(["ms", "s", "day"]),
    order=st.sampled_from(["newest", "oldest", "time_taken", "arbitrary"]),
    max_page=st.sampled_from([None, 50, 100]),
    span_counting=st.sampled_from(["duration", "calendar_days"]),
    utc_offset_minutes=st.sampled_from([0, 330, -720, 840]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    reading=READINGS,
    window_days=st.sampled_from([1, 7, 30, 86, 90]),
    page_size=st.sampled_from([20, 100, 1000]),
    seed=st.integers(0, 10_000),
    begins=st.sampled_from([timedelta(0), timedelta(hours=10, minutes=30)]),
)
def test_every_reading_gives_every_row_once(
    reading: Reading, window_days: int, page_size: int, seed: int, begins: timedelta
) -> None:
    first, after = START + begins, END + begins
    rows = rows_at_the_edges(first, window_days, seed)
    with Emulator({BOT: rows}, reading) as emulator:
        config = emulator.config(
            start_date=stamp(first),
            end_date=stamp(after),
            window_days=window_days,
            page_size=page_size,
            **EXACT,
        )
        ids, _, failed = sync(config)
        assert not failed
        assert set(ids) == own(rows, first, after)
        assert set(ids.values()) == {1}
        assert_no_request_spans_more_than_90_days(emulator)


def reading_of_a_seed(chance: random.Random) -> Reading:
    """Every unwritten rule, every form and every disturbance at once, each drawn by itself."""
    return Reading(
        filter_by=chance.choice(["end", "start"]),
        from_inclusive=chance.random() < 0.5,
        to_inclusive=chance.random() < 0.5,
        precision=chance.choice(["ms", "s", "day"]),
        order=chance.choice(["newest", "oldest", "time_taken", "arbitrary", "unstable_ties"]),
        max_page=chance.choice([None, None, 50, 100]),
        span_counting=chance.choice(["duration", "calendar_days"]),
        plain_date_to=chance.choice(["midnight", "end_of_day"]),
        limit_type=chance.choice(["any", "string", "integer"]),
        date_form=chance.choice(["any", "any", "date", "timestamp"]),
        future_date_to=chance.choice(["accept", "refuse"]),
        hint_in_412=chance.random() < 0.5,
        page_ceiling_refused=chance.choice([None, None, 50, 100, 500]),
        skip_ceiling=chance.choice([None, None, 500, 1000]),
        skip_ceiling_mode=chance.choice(["refuse", "empty", "error"]),
        response_bytes_limit=chance.choice([None, None, 20_000]),
        insert_while_paging=chance.choice(["none", "none", "front", "middle", "back"]),
        insert_rows=chance.choice([3, 10]),
        fault_rate=chance.choice([0, 0, 0.1]),
        utc_offset_minutes=chance.choice([0, 330, -720, 840]),
    )


@pytest.mark.parametrize("is_live", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_all_behaviours_at_once_lose_and_repeat_nothing(
    seed: int, is_live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KoreBackoff, "backoff_time", lambda *_, **__: 0.01)
    chance = random.Random(seed)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    minutes = timedelta(minutes=chance.randrange(1440))
    first = now - timedelta(days=400) + minutes if is_live else START + minutes
    after = now - timedelta(seconds=70) if is_live else first + timedelta(days=400)
    window_days, page_size = chance.choice([1, 7, 30, 86, 90]), chance.choice([20, 100, 300, 1000])
    rows = rows_at_the_edges(first, window_days, seed, chance.choice([50, 300, 2500]))
    if is_live:
        appeared = stamp(now - timedelta(minutes=2))
        rows = [raw for raw in rows if (raw.get("End Date") or raw["start Date"]) < appeared]
    reading = reading_of_a_seed(chance)
    with Emulator({BOT: rows}, reading) as emulator:
        end = {} if is_live else {"end_date": stamp(after)}
        config = emulator.config(start_date=stamp(first), window_days=window_days, page_size=page_size, **end, **EXACT)
        ids, states, failed = sync(config)
        assert not failed
        assert set(ids.values()) == {1}
        assert_no_request_spans_more_than_90_days(emulator)
        cursor = states[-1]["stream"]["stream_state"]["states"][0]["cursor"]["end_date"]
        assert own(rows, first, min(after, datetime.fromisoformat(cursor.replace("Z", "+00:00")))) <= set(ids)
        hides_today = reading.future_date_to == "refuse" and (reading.precision == "day" or reading.date_form == "date")
        if hides_today and is_live:
            # Rows of the last day cannot be asked for: they wait for a later sync, and so does the cursor.
            assert cursor >= stamp(now - timedelta(days=1, minutes=2))
        else:
            assert own(rows, first, after) <= set(ids)


@pytest.mark.parametrize("window_days", [1, 30, 86, 90])
def test_windows_tile_the_range_without_gap_or_overlap(window_days: int) -> None:
    config = {
        "host": "http://127.0.0.1:1", "bot_ids": [BOT], "client_id": "c", "client_secret": "s",
        "start_date": stamp(START), "end_date": stamp(END), "window_days": window_days,
    }  # fmt: skip
    (stream,) = super(SourceKoreLlmLogs, SourceKoreLlmLogs(config=config)).streams(config)
    slices = [partition.to_slice() or {} for partition in stream.generate_partitions()]
    assert slices[0]["start_time"] == stamp(START)
    assert slices[-1]["end_time"] == stamp(END - timedelta(milliseconds=1))
    for before, after in itertools.pairwise(slices):
        last = datetime.fromisoformat(before["end_time"].replace("Z", "+00:00"))
        assert after["start_time"] == stamp(last + timedelta(milliseconds=1))


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 100])
@pytest.mark.parametrize("cap", [None, 20, 7])
def test_paging_ends_at_the_last_row_at_every_count(count: int, cap: int | None) -> None:
    rows = [row(n, START + timedelta(hours=n)) for n in range(count)]
    with Emulator({BOT: rows}, Reading(max_page=cap)) as emulator:
        config = emulator.config(
            start_date=stamp(START), end_date=stamp(START + timedelta(days=20)), page_size=20, **EXACT
        )
        assert_each_row_once(emulator, config)
        page = min(20, cap or 20)
        assert len(emulator.requests) <= count // page + 2


@pytest.mark.parametrize("ceiling", [500, 1000, 1234])
@pytest.mark.parametrize("mode", ["refuse", "empty"])
@pytest.mark.parametrize("bounds", list(itertools.product([True, False], repeat=2)))
@pytest.mark.parametrize("precision", ["ms", "day"])
def test_a_ceiling_of_skip_loses_nothing(ceiling: int, mode: str, bounds: tuple[bool, bool], precision: str) -> None:
    first = START + timedelta(hours=10, minutes=30)  # Parts of a window begin in the middle of a day.
    rows = [row(n, first + timedelta(minutes=20 * n)) for n in range(5200)]
    from_inclusive, to_inclusive = bounds
    reading = Reading(
        skip_ceiling=ceiling, skip_ceiling_mode=mode, precision=precision,
        from_inclusive=from_inclusive, to_inclusive=to_inclusive,
    )  # fmt: skip
    with Emulator({BOT: rows}, reading) as emulator:
        config = emulator.config(
            start_date=stamp(first), end_date=stamp(first + timedelta(days=80)), page_size=200, **EXACT
        )
        assert_each_row_once(emulator, config)


def test_a_server_that_breaks_beyond_a_ceiling_of_skip_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KoreBackoff, "backoff_time", lambda *_, **__: 0.01)
    rows = [row(n, START + timedelta(minutes=20 * n)) for n in range(5200)]
    with Emulator({BOT: rows}, Reading(skip_ceiling=1000, skip_ceiling_mode="error")) as emulator:
        config = emulator.config(
            start_date=stamp(START), end_date=stamp(START + timedelta(days=80)), page_size=200, **EXACT
        )
        assert_each_row_once(emulator, config)
        # The ceiling is met once for each window that was on its way, and then known.
        assert sum(seen.status == 500 for seen in emulator.requests) <= MAX_TRIES


@pytest.mark.parametrize(("count", "requests"), [(2000, 3), (5000, 6), (1300, 3), (1999, 4)])
def test_a_round_number_of_rows_is_not_taken_for_a_ceiling(count: int, requests: int) -> None:
    rows = [row(n, START + timedelta(minutes=2 * n)) for n in range(count)]
    with Emulator({BOT: rows}, Reading()) as emulator:
        config = emulator.config(start_date=stamp(START), end_date=stamp(START + timedelta(days=20)), **EXACT)
        assert_each_row_once(emulator, config)
        assert len(emulator.requests) <= requests


@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize(
    "form",
    [
        {"page_ceiling_refused": 100}, {"limit_type": "integer"}, {"limit_type": "string"}, {"date_form": "date"},
        {"future_date_to": "refuse"}, {"date_form": "date", "limit_type": "integer"},
        {"page_ceiling_refused": 50, "date_form": "date", "future_date_to": "refuse"},
    ],
)  # fmt: skip
def test_a_refused_form_is_met_with_the_next_and_remembered(form: dict[str, Any], hint: bool) -> None:
    now = datetime.now(timezone.utc)
    rows = [row(n, now - timedelta(minutes=5 + 350 * n)) for n in range(300)]
    with Emulator({BOT: rows}, Reading(hint_in_412=hint, **form)) as emulator:
        config = emulator.config(start_date=stamp(now - timedelta(days=80)), **EXACT)
        ids, states, failed = sync(config)
        assert not failed
        assert set(ids.values()) == {1}
        # A plain date that may not lie in the future cannot reach into the last day: the cursor waits for those rows.
        cursor = states[-1]["stream"]["stream_state"]["states"][0]["cursor"]["end_date"]
        assert set(ids) >= {to_record(BOT, raw)["id"] for raw in rows if raw["End Date"] < cursor}
        assert cursor >= stamp(now - timedelta(days=1, minutes=2))
        if not ("future_date_to" in form and "date_form" in form):
            assert set(ids) == truth(emulator)
        refused = [str(seen.body) for seen in emulator.requests if seen.status == 412]
        assert len(refused) == len(set(refused))
        if hint:
            assert len(refused) <= len(form)


def test_check_finds_the_form_that_the_server_takes() -> None:
    reading = Reading(limit_type="integer", date_form="date", page_ceiling_refused=100)
    with Emulator({BOT: []}, reading) as emulator:
        assert run("check", config=emulator.config()).code == 0
        assert [(seen.status, seen.body["limit"]) for seen in emulator.requests] == [(412, "1"), (412, "1"), (200, 1)]


@pytest.mark.parametrize("where", ["front", "back", "middle"])
@pytest.mark.parametrize("order", ["newest", "oldest", "time_taken"])
def test_rows_inserted_while_being_paged_push_none_out(where: str, order: str) -> None:
    now = datetime.now(timezone.utc)
    rows = [row(n, now - timedelta(minutes=10 + 3 * n)) for n in range(400)]
    before = {to_record(BOT, raw)["id"] for raw in rows}
    reading = Reading(insert_while_paging=where, insert_rows=5, order=order, max_page=50)
    with Emulator({BOT: rows}, reading) as emulator:
        config = emulator.config(start_date=stamp(now - timedelta(days=3)), lookback_minutes=2880, **EXACT)
        ids, states, failed = sync(config)
        assert not failed
        assert before <= set(ids)
        assert set(ids.values()) == {1}
        emulator.reading = Reading()
        again, _, _ = sync(config, states)
        in_reach = {
            to_record(BOT, raw)["id"] for raw in emulator.rows(BOT)
            if stamp(now - timedelta(days=3)) <= raw["End Date"] <= stamp(now - timedelta(seconds=61))
        }  # fmt: skip
        assert in_reach <= set(ids) | set(again)


def test_an_order_that_is_unstable_among_ties_loses_nothing() -> None:
    rows = [row(n, START + timedelta(days=1, seconds=n // 40)) for n in range(400)]
    with Emulator({BOT: rows}, Reading(order="unstable_ties", max_page=50)) as emulator:
        config = emulator.config(start_date=stamp(START), end_date=stamp(START + timedelta(days=9)), **EXACT)
        assert_each_row_once(emulator, config)


def test_a_late_row_is_found_by_the_lookback_of_the_next_sync() -> None:
    now = datetime.now(timezone.utc)
    rows = [row(n, now - timedelta(minutes=5 + n)) for n in range(20)]
    with Emulator({BOT: rows}, Reading()) as emulator:
        config = emulator.config(start_date=stamp(now - timedelta(days=2)), **EXACT)
        states = assert_each_row_once(emulator, config)
        late = row(1000, now - timedelta(minutes=30))
        emulator.add_rows(BOT, [late])
        ids, _, _ = sync(config, states)
        assert to_record(BOT, late)["id"] in ids
        without, _, _ = sync({**config, "lookback_minutes": 0}, states)
        assert not without


def test_a_row_of_the_future_neither_stalls_the_cursor_nor_is_lost() -> None:
    now = datetime.now(timezone.utc)
    ahead = row(1, now + timedelta(seconds=2) - timedelta(seconds=60))
    far = row(2, now + timedelta(days=300))
    with Emulator({BOT: [row(0, now - timedelta(hours=3)), ahead, far]}, Reading()) as emulator:
        config = emulator.config(start_date=stamp(now - timedelta(days=2)), lookback_minutes=0, **EXACT)
        ids, states, _ = sync(config)
        assert len(ids) == 1
        cursor = states[-1]["stream"]["stream_state"]["states"][0]["cursor"]["end_date"]
        assert cursor <= stamp(datetime.now(timezone.utc))
        import time

        time.sleep(3)
        later, _, _ = sync(config, states)
        assert set(later) == {to_record(BOT, ahead)["id"]}


def test_a_bot_added_later_is_read_from_the_start_and_one_that_comes_back_goes_on() -> None:
    now = datetime.now(timezone.utc)
    rows = {
        bot: [{**row(n, now - timedelta(hours=2 + n)), "Bot ID": bot} for n in range(30)] for bot in (BOT, "st-beta")
    }
    with Emulator(rows, Reading()) as emulator:
        config = emulator.config(start_date=stamp(now - timedelta(days=9)), **EXACT)
        one, states, _ = sync({**config, "bot_ids": [BOT]})
        assert set(one) == truth(emulator)
        both, states, _ = sync({**config, "bot_ids": [BOT, "st-beta"]}, states)
        assert set(both) == truth(emulator, "st-beta")
        without, states, _ = sync({**config, "bot_ids": ["st-beta"]}, states)
        assert not without
        back, _, _ = sync({**config, "bot_ids": [BOT, "st-beta"]}, states)
        assert not back


@pytest.mark.parametrize("keys", [{}, {"state": {"end_date": "2030-01-01T00:00:00.000Z"}, "lookback_window": 5}])
def test_state_of_other_versions_is_accepted(keys: dict[str, Any]) -> None:
    now = datetime.now(timezone.utc)
    rows = [row(n, now - timedelta(hours=2 + 24 * n)) for n in range(10)]
    reached = stamp(now - timedelta(days=5))
    shapes: list[dict[str, Any]] = [
        {"states": [{"partition": {"bot_id": BOT}, "cursor": {"end_date": reached}}], **keys},
        {"end_date": reached},
        {"end_date": reached.replace(reached[-5:], "Z")},
    ]
    with Emulator({BOT: rows}, Reading()) as emulator:
        config = emulator.config(start_date=stamp(now - timedelta(days=20)), **EXACT)
        for shape in shapes:
            state = [
                {
                    "type": "STREAM",
                    "stream": {"stream_descriptor": {"name": "llm_usage_logs"}, "stream_state": shape},
                }
            ]
            ids, _, failed = sync(config, state)
            assert not failed
            assert len(ids) == 5


def test_twenty_idle_syncs_emit_nothing_but_the_lookback() -> None:
    now = datetime.now(timezone.utc)
    rows = [row(n, now - timedelta(hours=2 + n)) for n in range(50)]
    with Emulator({BOT: rows}, Reading()) as emulator:
        config = emulator.config(start_date=stamp(now - timedelta(days=9)), **EXACT)
        states = assert_each_row_once(emulator, config)
        for _ in range(20):
            emulator.clear_requests()
            ids, states, failed = sync(config, states)
            assert not failed
            assert not ids
            assert len(emulator.requests) <= 2


@pytest.mark.parametrize("sent", ["2024-01-05T00:00:00Z", "2024-01-05T00:00:00.000+00:00", 1704412800000, "", "soon"])
def test_rows_with_odd_dates_are_never_dropped(sent: Any) -> None:
    odd = {**row(1, START + timedelta(days=35)), "End Date": sent}
    gone = {"Description": "no dates at all"}
    with Emulator({BOT: [odd, gone, row(2, START + timedelta(days=3))]}, Reading()) as emulator:
        config = emulator.config(start_date=stamp(START), end_date=stamp(START + timedelta(days=200)), **EXACT)
        assert_each_row_once(emulator, config)
