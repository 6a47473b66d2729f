"""Servers that real services could be, and that once lost rows or failed: each is read whole."""

from dataclasses import replace
from random import Random

import pytest

from integration_tests.kore_emulator.behaviour import DAY, HOUR, MINUTE, SECOND, Behaviour, LogRow
from unit_tests.simulated.driver import assert_read, play
from unit_tests.simulated.scenario import Chosen, Scenario

NOW = 1_761_956_205_000  # 2025-11-01T00:16:45Z
SEPTEMBER = 1_758_287_327_000  # 2025-09-19T13:08:47Z


def row(number: int, end: int, channel: str = "rtm", developer: bool = False) -> LogRow:
    return LogRow(str(number), end - 800 - number % 400, end, channel=channel, developer=developer)


def spread(count: int, days: float, channel: str = "rtm", developer: bool = False) -> tuple[LogRow, ...]:
    apart = int(days * DAY) // count
    return tuple(row(number, NOW - HOUR - number * apart, channel, developer) for number in range(count))


def scenario(log: tuple[LogRow, ...], days: int = 60, **behaviour: object) -> Scenario:
    return Scenario(Behaviour(**behaviour), log, NOW, NOW - days * DAY, NOW - MINUTE)  # type: ignore[arg-type]


BURST = tuple(row(number, NOW - 9 * DAY) for number in range(300))


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(
            scenario((*BURST, *(replace(one, number=f"b{one.number}") for one in spread(100, 2)))
                     , order="second", descending=True, ties="heap", largest_limit=50),
            id="more equal dates than a page, in PostgreSQL's order",
        ),
        pytest.param(
            scenario((*BURST, *(replace(one, number=f"b{one.number}") for one in spread(100, 2))), order="second",
                     descending=True, ties="paged", sort="refused", largest_limit=30),
            id="more equal dates than a page, in an order that goes by the page, and no other order",
        ),
        pytest.param(
            scenario((row(0, SEPTEMBER), row(1, NOW - 655 * MINUTE)), cut=DAY, cut_in_zone=True,
                     zone="Australia/Lord_Howe"),
            id="a midnight of the server's zone inside an hour of UTC",
        ),
        pytest.param(scenario(spread(500, 29), developer="selects", largest_limit=10, above_limit="empty"),
                     id="users' rows only, where isDeveloper selects"),
        pytest.param(scenario(spread(200, 29, developer=True), silent_forms=frozenset({"milliseconds"})),
                     id="developers' rows only, where full dates find nothing"),
        pytest.param(scenario(spread(300, 20, "msteams"), no_channel="rtm", developer="selects"),
                     id="users' rows of another channel than the default one"),
        pytest.param(scenario(spread(300, 20, "ivr"), no_channel="rtm", channel_list="one"),
                     id="a channel that must be asked for by itself"),
        pytest.param(replace(scenario(spread(300, 1, "ivr"), channel_list="one"),
                             chosen=Chosen(channels=("rtm", "ivr"))), id="one of the chosen channels is silent"),
        pytest.param(scenario(tuple(row(number, NOW - HOUR - number * 6 * HOUR, developer=number % 5 == 0)
                                    for number in range(240)), developer="true selects"),
                     id="isDeveloper selects if it is true, and else gives all"),
        pytest.param(scenario(tuple(row(number, NOW - HOUR - number * 6 * HOUR, developer=number not in range(20, 50))
                                    for number in range(240)), developer="true selects", descending=True),
                     id="the same, and the newest rows are developers'"),
        pytest.param(scenario((*(row(0, NOW - HOUR) for _ in range(51)), *spread(240, 30)[1:]), descending=True,
                              largest_limit=50), id="the newest rows are equal, and more than a page"),
        pytest.param(scenario((*(row(0, NOW - HOUR) for _ in range(1_200)), *spread(240, 30)[1:]), descending=True,
                              largest_limit=50), id="the newest rows are equal, and many pages"),
        pytest.param(scenario(spread(300, 20, "msteams", developer=True), no_channel="rtm"),
                     id="developers' rows only, of another channel than the default one"),
        pytest.param(scenario((*spread(900, 40), *(spread(900, 40)[number] for number in range(0, 900, 300))),
                              order="written", sort="ignored", largest_limit=50),
                     id="rows that are stored twice, far apart, in a log without order"),
        pytest.param(scenario((*spread(90, 20), *(replace(one, number=f"m{one.number}") for one in
                               spread(90, 19, "msteams"))), no_channel="rtm", channel_list="none"),
                     id="a list of channels matches no row"),
        pytest.param(scenario(spread(3_000, 8), days=300, largest_limit=50), id="months without a row come first"),
        pytest.param(scenario(tuple(row(number, NOW - HOUR - number * SECOND) for number in range(600)), days=2,
                              inserts=1, inserts_in_all=10, descending=True, largest_limit=50),
                     id="rows come in, newest first, while pages are read"),
    ],
)  # fmt: skip
def test_every_row_is_read_once(told: Scenario) -> None:
    played = assert_read(told)
    assert played.error is None
    assert set(played.yielded) == {one.number for one in told.log}


@pytest.mark.parametrize("most_rows", [60, 500])
@pytest.mark.parametrize("page_size", [10, None])
def test_a_server_that_finds_no_more_than_so_many_rows_loses_none_in_silence(
    most_rows: int, page_size: int | None
) -> None:
    """They lie within a few hours: hardly any request is so short that it finds them all."""
    log = tuple(row(number, NOW - 21 * HOUR + number * 20 * SECOND) for number in range(most_rows * 5 // 4))
    told = replace(scenario(log, days=1, most_rows=most_rows, descending=True), page_size=page_size)
    assert_read(told)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("most_rows", [100, 250])
def test_rows_beside_a_part_hide_none_of_it_from_a_server_that_finds_only_so_many(
    most_rows: int, descending: bool
) -> None:
    """Padding alone has 200 rows."""
    log = tuple(row(number, NOW - 2 * MINUTE - Random(number).randrange(4 * HOUR)) for number in range(1_200))
    played = play(scenario(log, days=3, most_rows=most_rows, cut=MINUTE, descending=descending))
    assert played.error is not None or len(played.yielded) == len(log)


@pytest.mark.parametrize("seed", [10, 41, 44, 46])
def test_a_row_beside_equal_ones_is_not_taken_for_one_of_them(seed: int) -> None:
    """All three have one date, at the end of a page, and change their places at each request."""
    alike = [row(number, NOW - HOUR - 97 * MINUTE) for number in (97, 97, 497)]
    log = [row(number, NOW - HOUR - number * MINUTE) for number in range(200) if number not in (97, 497)]
    told = scenario((*log[:97], *alike, *log[97:]), days=1, ties="shuffled", descending=True, largest_limit=50)
    assert_read(replace(told, seed=seed))


@pytest.mark.parametrize("page_size", [None, 100])
def test_days_without_a_row_do_not_change_how_many_rows_are_asked_for(page_size: int | None) -> None:
    log = tuple(row(number, NOW - 300 * DAY + number * HOUR) for number in range(400))
    told = replace(scenario(log, days=400), page_size=page_size)
    limits = {int(request.body["limit"]) for request in assert_read(told).server.requests if request.answer.rows}
    assert max(limits) == (page_size or 1_000)


def test_a_filter_that_is_ignored_is_named_though_the_other_spelling_is_refused() -> None:
    told = scenario(spread(100, 20), ignored_filters=frozenset({"userIds"}), unknown_keys="refused")
    played = play(replace(told, chosen=Chosen(user_ids=("u-1",))))
    assert "ignores the filter `user_ids`" in str(played.error)


def test_clocks_were_set_forward_since_the_rows_that_show_a_server_s_zone() -> None:
    """New York reads times without a zone, an hour earlier since March 8th."""
    now = NOW + 130 * DAY
    log = tuple(row(number, now - 2 * MINUTE - number * 3 * MINUTE) for number in range(9_000))
    does = Behaviour(
        refused_forms=frozenset({"milliseconds"}), zone="America/New_York", zone_reads=frozenset({"seconds", "day"})
    )
    played = assert_read(Scenario(does, log, now, now - HOUR, now - MINUTE))
    assert now - 2 * HOUR < played.reached


@pytest.mark.parametrize(("zone", "hours"), [("Asia/Kolkata", 2), ("America/New_York", 22)])
def test_of_full_dates_a_server_reads_the_day_in_its_own_zone(zone: str, hours: int) -> None:
    """A call at another hour seems to prove the bounds."""
    does = Behaviour(
        day_of_full=True, date_to_is_end_of_day=True, zone=zone, zone_reads=frozenset({"milliseconds", "day"})
    )
    now = NOW - hours * HOUR
    log = tuple(replace(one, start=one.start - hours * HOUR, end=one.end - hours * HOUR) for one in spread(5_000, 80))
    assert_read(Scenario(does, log, now, now - 3 * HOUR, now - MINUTE))
