"""The emulator does what each option of a reading says, over real HTTP."""

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import requests

from integration_tests.kore_emulator import Emulator, Reading, even_rows, generate_rows, log_store, rate_limit, server
from integration_tests.kore_emulator.__main__ import parse_reading

BOT = "st-a"
SECRET = "s3cret-of-the-test-app-that-is-long-enough-to-be-a-key-of-64-bytes-or-more"
WINDOW: dict[str, Any] = {"dateFrom": "2024-03-01T00:00:00.500Z", "dateTo": "2024-03-03T12:00:00.500Z"}


def row(number: int, end: str | None, start: str | None = None, taken: int = 0) -> dict[str, Any]:
    dates = {"start Date": start or end, "End Date": end}
    found = {key: value for key, value in dates.items() if value}
    return {"Session ID": str(number), "Time Taken": taken, "Channel Name": "rtm", **found}


ROWS = [
    row(0, "2024-03-01T00:00:00.400Z", taken=9),
    row(1, "2024-03-01T00:00:00.500Z", taken=1),
    row(2, "2024-03-02T00:00:00.000Z", "2024-02-29T00:00:00.000Z", taken=5),
    row(3, "2024-03-03T12:00:00.500Z", taken=2),
    row(4, "2024-03-03T12:00:00.700Z", taken=4),
    row(5, "2024-03-03T20:00:00.000Z", taken=3),
    row(6, None, "2024-03-02T06:00:00.000Z"),
    row(7, None),
]


def token(secret: str = SECRET, **claims: Any) -> str:
    base = {"appId": "cs-demo", "sub": "x", "jti": str(uuid.uuid4()), "exp": time.time() + 60}
    return jwt.encode({**base, **claims}, secret, algorithm="HS256")


def post(emulator: Emulator, auth: str | None = None, bot: str = BOT, **body: Any) -> requests.Response:
    return requests.post(
        f"{emulator.url}/api/1.1/public/bot/{bot}/getLLMUsageLogs",
        json={"limit": "50", **WINDOW, **body},
        headers={"auth": token() if auth is None else auth},
        timeout=10,
    )


def serve(rows: list[dict[str, Any]] = ROWS, **options: Any) -> Emulator:
    return Emulator({BOT: rows}, Reading(**options), client_secret=SECRET)


def sessions(response: requests.Response) -> list[int]:
    assert response.status_code == 200, response.text
    return [int(found["Session ID"]) for found in response.json()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {1, 2, 3, 6, 7}),
        ({"filter_by": "start"}, {1, 3, 6, 7}),
        ({"from_inclusive": False}, {2, 3, 6, 7}),
        ({"to_inclusive": False}, {1, 2, 6, 7}),
        ({"precision": "s"}, {0, 1, 2, 3, 4, 6, 7}),
        ({"precision": "minute"}, {0, 1, 2, 3, 4, 6, 7}),
        ({"precision": "hour", "to_inclusive": False}, {0, 1, 2, 6, 7}),
        ({"precision": "day"}, set(range(8))),
        ({"precision": "day", "utc_offset_minutes": 330, "to_inclusive": False}, {0, 1, 2, 6, 7}),
        ({"server_offset_minutes": 330, "server_zone_for": "naive"}, {1, 2, 3, 6, 7}),
        ({"server_offset_minutes": 330, "server_zone_for": "all"}, {0, 1, 2, 6, 7}),
        ({"server_offset_minutes": -480, "server_zone_for": "all"}, {2, 3, 4, 5, 6, 7}),
    ],
)
def test_a_window_holds_the_rows_the_reading_says(options: dict[str, Any], expected: set[int]) -> None:
    with serve(**options) as emulator:
        assert set(sessions(post(emulator))) == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("ms", set()), ("s", {4}), ("minute", {3, 4, 5}), ("5min", {2, 3, 4, 5}), ("hour", {1, 2, 3, 4, 5, 6})],
)
def test_both_bounds_are_cut_to_the_unit(unit: str, expected: set[int]) -> None:
    times = ["11:59:59.999", "12:00:00.000", "12:33:59.000", "12:34:00.000", "12:34:30.900", "12:34:59.999"]
    rows = [row(n, f"2024-03-02T{at}Z") for n, at in enumerate([*times, "12:35:00.000", "13:00:00.000"])]
    with serve(rows, precision=unit) as emulator:
        asked = "2024-03-02T12:34:30.100Z"
        assert set(sessions(post(emulator, dateFrom=asked, dateTo=asked))) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {0, 2}),
        ({"server_offset_minutes": 60, "server_zone_for": "plain"}, {0, 1}),
        ({"server_offset_minutes": 60, "server_zone_for": "naive"}, {0, 1}),
        ({"server_offset_minutes": -60}, {2, 3}),
        ({"plain_date_to": "end_of_day"}, {0, 2, 3}),
    ],
)
def test_a_plain_date_is_a_midnight_of_the_servers_zone(options: dict[str, Any], expected: set[int]) -> None:
    ends = ["2024-03-02T00:30:00.000Z", "2024-03-01T23:30:00.000Z", "2024-03-02T23:30:00.000Z"]
    rows = [row(number, end) for number, end in enumerate([*ends, "2024-03-03T00:30:00.000Z"])]
    with serve(rows, **options) as emulator:
        assert set(sessions(post(emulator, dateFrom="2024-03-02", dateTo="2024-03-03"))) == expected


def test_a_time_without_zone_is_read_in_the_servers() -> None:
    asked = {"dateFrom": "2024-03-02T05:30:00", "dateTo": "2024-03-02T05:30:00"}
    with serve(server_offset_minutes=330) as emulator:
        assert sessions(post(emulator, **asked)) == [2, 7]
        emulator.reading = Reading(server_offset_minutes=330, server_zone_for="plain")
        assert sessions(post(emulator, **asked)) == [7]


def found_at(emulator: Emulator, first: str, last: str) -> set[int]:
    return set(sessions(post(emulator, dateFrom=first, dateTo=last)))


def test_an_entry_is_filed_up_to_two_minutes_after_its_end_and_always_at_the_same_time() -> None:
    rows = [row(number, "2024-03-02T12:00:00.000Z") for number in range(40)]
    with serve(rows, filter_by="entry") as emulator:
        within = [found_at(emulator, f"2024-03-02T12:0{n}:00.000Z", f"2024-03-02T12:0{n}:59.999Z") for n in range(3)]
        assert within[0] | within[1] | within[2] == set(range(40))
        assert len(within[0]) > 5 < len(within[1])
        assert not within[0] & within[1]
        assert within[0] == found_at(emulator, "2024-03-02T12:00:00.000Z", "2024-03-02T12:00:59.999Z")
        emulator.reading = Reading()
        assert found_at(emulator, "2024-03-02T12:00:00.000Z", "2024-03-02T12:00:00.000Z") == set(range(40))


def test_a_row_without_end_may_be_filed_under_an_end_that_it_does_not_show() -> None:
    rows = [row(number, None, "2024-03-02T12:00:00.000Z") for number in range(40)]
    with serve(rows, no_end="hidden_end") as emulator:
        at_start = found_at(emulator, "2024-03-02T12:00:00.000Z", "2024-03-02T12:00:10.000Z")
        assert len(at_start) < 20
        assert found_at(emulator, "2024-03-02T12:00:00.000Z", "2024-03-02T12:02:00.000Z") == set(range(40))
        emulator.reading = Reading()
        assert found_at(emulator, "2024-03-02T12:00:00.000Z", "2024-03-02T12:00:00.000Z") == set(range(40))


def ago(**past: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(**past)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_rows_appear_after_their_end_and_are_gone_after_the_retention() -> None:
    rows = [row(number, ago(minutes=2)) for number in range(40)]
    rows += [row(50, ago(minutes=11)), row(51, ago(days=10))]
    with serve(rows, lag_seconds=600, retention_days=9) as emulator:
        seen = found_at(emulator, ago(days=20), ago(minutes=0))
        assert 50 in seen
        assert 51 not in seen
        assert 0 < len(seen) < 30
        emulator.reading = Reading(retention_days=11)
        assert found_at(emulator, ago(days=20), ago(minutes=0)) == {*range(40), 50, 51}


PEOPLE = [
    {**row(number, "2024-03-02T00:00:00.000Z"), "Channel Name": channel, "User ID": user, "Channel User ID": user}
    for number, (channel, user) in enumerate([("rtm", "u-A"), ("slack", "u-A"), ("rtm", "u-b"), ("developer", "u-b")])
]


@pytest.mark.parametrize(
    ("options", "body", "expected"),
    [
        ({}, {}, {0, 1, 2, 3}),
        ({}, {"isDeveloper": True}, {0, 1, 2, 3}),
        ({}, {"isDeveloper": False}, {0, 1, 2}),
        ({"developer_absent": "false"}, {}, {0, 1, 2}),
        ({"developer_true": "selects"}, {"isDeveloper": True}, {3}),
        ({"developer_true": "selects"}, {"isDeveloper": False}, {0, 1, 2}),
        ({"filters_ignored": ["isDeveloper"]}, {"isDeveloper": False}, {0, 1, 2, 3}),
        ({"no_channel": "rtm"}, {}, {0, 2}),
        ({"no_channel": "rtm"}, {"channel": ["slack", "rtm"]}, {0, 1, 2}),
        ({"no_channel": "rtm"}, {"channel": []}, {0, 2}),
        ({"channel_list": "first"}, {"channel": ["slack", "rtm"]}, {1}),
        ({"channel_list": "refuse"}, {"channel": "slack"}, {1}),
        ({"no_channel": "rtm", "filters_ignored": ["channel"]}, {"channel": ["slack"]}, {0, 2}),
        ({"filters_ignored": ["channel"]}, {"channel": ["slack"], "userIds": ["u-A"]}, {0, 1}),
        ({}, {"channel": "slack"}, {1}),
        ({}, {"userIds": ["u-A"]}, {0, 1}),
        ({}, {"userIds": ["u-a"]}, set()),
        ({"filter_case": "insensitive"}, {"userIds": ["U-a"], "channel": ["RTM"]}, {0}),
        ({}, {"userId": ["u-A"]}, {0, 1, 2, 3}),
        ({"user_key": "userId"}, {"userId": ["u-A"]}, {0, 1}),
        ({"user_key": "userId"}, {"userIds": ["u-A"]}, {0, 1, 2, 3}),
        ({"user_key": "both"}, {"userIds": ["u-A"]}, {0, 1}),
        ({"user_key": "both"}, {"userId": "u-A"}, {0, 1}),
        ({}, {"channelUIds": ["u-b"]}, {0, 1, 2, 3}),
        ({"channel_user_key": "channelUIds"}, {"channelUIds": ["u-b"]}, {2, 3}),
        ({"channel_user_key": "both"}, {"channelUserIds": ["u-b"]}, {2, 3}),
        ({"unknown_keys": "refuse", "user_key": "both"}, {"userId": "u-A", "userIds": ["u-A"], "skip": "1"}, {0}),
    ],
)
def test_filters_and_scopes_leave_the_rows_that_the_reading_says(
    options: dict[str, Any], body: dict[str, Any], expected: set[int]
) -> None:
    with serve(PEOPLE, **options) as emulator:
        assert set(sessions(post(emulator, **body))) == expected


def test_developers_rows_may_be_marked_by_nothing_that_a_row_shows() -> None:
    rows = [row(number, "2024-03-02T00:00:00.000Z") for number in range(40)]
    with serve(rows, developer_true="selects", developer_rows="hidden") as emulator:
        developers = set(sessions(post(emulator, isDeveloper=True)))
        others = set(sessions(post(emulator, isDeveloper=False)))
        assert 3 < len(developers) < len(others)
        assert developers | others == set(range(40))
        assert not developers & others


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"order": "newest"}, [3, 6, 2, 1, 7]),
        ({"order": "oldest"}, [7, 1, 2, 6, 3]),
        ({"order": "time_taken"}, [7, 6, 1, 3, 2]),
    ],
)
def test_rows_come_in_the_order_of_the_reading(options: dict[str, Any], expected: list[int]) -> None:
    with serve(**options) as emulator:
        assert sessions(post(emulator)) == expected
        assert sessions(post(emulator, limit="2", skip="1")) == expected[1:3]


def test_arbitrary_order_is_stable_and_unstable_ties_are_not() -> None:
    ties = [row(number, "2024-03-02T00:00:00.000Z") for number in range(20)]
    with serve(ties, order="arbitrary") as emulator:
        first = sessions(post(emulator))
        assert first == sessions(post(emulator)) != sorted(first)
        emulator.reading = Reading(order="unstable_ties")
        again = [sessions(post(emulator)) for _ in range(3)]
        assert all(sorted(one) == sorted(first) for one in again)
        assert again[0] != again[1] or again[1] != again[2]


def test_an_unstable_order_is_another_at_every_request() -> None:
    rows = [row(number, f"2024-03-02T00:00:{number:02d}.000Z") for number in range(20)]
    with serve(rows, order="unstable") as emulator:
        orders = [sessions(post(emulator)) for _ in range(3)]
        assert all(sorted(one) == list(range(20)) for one in orders)
        assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize(
    ("options", "body", "status", "hint"),
    [
        ({"page_ceiling_refused": 10}, {}, 412, "limit should be less than or equal to 10"),
        ({"limit_type": "string"}, {"limit": 5}, 412, "limit should be a string"),
        ({"limit_type": "integer"}, {"limit": "5"}, 412, "limit should be an integer"),
        ({"skip_ceiling": 3}, {"skip": "4"}, 412, "skip should be less than or equal to 3"),
        ({"skip_ceiling": 3, "skip_ceiling_mode": "error"}, {"skip": "4"}, 500, "Internal"),
        ({"date_form": "date"}, {}, 412, "dateFrom should be in YYYY-MM-DD format"),
        ({"date_form": "timestamp"}, {"dateFrom": "2024-03-01"}, 412, "dateFrom should be"),
        ({"date_form": "naive"}, {}, 412, "dateFrom should be in YYYY-MM-DDTHH:mm:ss format"),
        ({"date_form": "zoned"}, {"dateTo": "2024-03-03T00:00:00"}, 412, "dateTo should be"),
        ({"reach_ceiling": 52}, {"skip": "3"}, 412, "skip + limit should be less than or equal to 52"),
        ({"reach_ceiling": 52, "skip_ceiling_mode": "error"}, {"skip": "3"}, 500, "Internal"),
        ({"unknown_keys": "refuse"}, {"userId": "u"}, 412, '\\"userId\\" is not allowed'),
        ({"unknown_keys": "refuse", "user_key": "userId"}, {"userIds": ["u"]}, 412, '\\"userIds\\" is not allowed'),
        ({"unknown_keys": "refuse"}, {"page": 1}, 412, '\\"page\\" is not allowed'),
        ({"error_body": "text", "faults": ["412"], "fault_rate": 1.0}, {}, 412, "Validation errors"),
        ({"faults_script": ["429"]}, {}, 429, "Rate limit for this API has been reached"),
        ({"future_date_to": "refuse"}, {"dateTo": "2999-01-01", "dateFrom": "2998-12-31"}, 412, "in the future"),
        ({}, {"dateTo": "2024-08-01"}, 412, "90 days"),
        ({"max_span_days": 2, "span_counting": "calendar_days"}, {}, 412, "2 days"),
        ({"page_ceiling_refused": 10, "hint_in_412": False}, {}, 412, 'arguments"'),
        ({}, {"limit": None}, 412, "limit is required"),
        ({"refusals": {BOT: "scope"}}, {}, 401, "Permission denied. Scope is incorrect!"),
        ({"faults_script": ["502"]}, {}, 502, "Bad Gateway"),
        ({"faults_script": ["html_200"]}, {}, 200, "<html>"),
        ({"faults_script": ["object_200"]}, {}, 200, "success"),
        ({"response_bytes_limit": 50}, {}, 413, "Too Large"),
        ({"requests_per_minute": 0}, {}, 429, "exceeded the per-minute rate limit"),
        ({"requests_per_hour": 0, "rate_refusal": "text_200"}, {}, 200, "exceeded the hourly rate limit"),
        ({"requests_per_hour": 0, "rate_refusal": "text_400"}, {}, 400, "exceeded the hourly rate limit"),
        ({"requests_per_minute": 0, "rate_text": "general"}, {}, 429, "Rate limit for this API has been reached"),
    ],
)
def test_a_request_is_refused_as_the_reading_says(
    options: dict[str, Any], body: dict[str, Any], status: int, hint: str
) -> None:
    with serve(**options) as emulator:
        response = post(emulator, **body)
        assert (response.status_code, hint in response.text) == (status, True), response.text
        assert emulator.requests[-1].status == status


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        (lambda: "nonsense", "Invalid JWT token"),
        (lambda: token(jti=""), "Invalid JWT token"),
        (lambda: token("w" * 64), "Invalid SDK credentials"),
        (lambda: token(appId="cs-other"), "Invalid SDK credentials"),
        (lambda: token(exp=1), "Invalid SDK credentials"),
    ],
)
def test_a_bad_token_is_refused_with_its_own_message(auth: Callable[[], str], message: str) -> None:
    with serve() as emulator:
        response = post(emulator, auth())
        assert (response.status_code, response.json()["errors"][0]["msg"]) == (401, message)


def test_a_token_serves_once_and_an_unknown_bot_looks_like_a_wrong_secret() -> None:
    with serve() as emulator:
        once = token()
        assert post(emulator, once).status_code == 200
        assert "possibly a replay" in post(emulator, once).text
        assert "Invalid SDK credentials" in post(emulator, bot="st-unknown").text


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"page_ceiling_empty": 49}, {}),
        ({"skip_ceiling": 1, "skip_ceiling_mode": "empty"}, {"skip": "2"}),
        ({"reach_ceiling": 51, "skip_ceiling_mode": "empty"}, {"skip": "2"}),
        ({"future_date_to": "empty"}, {"dateFrom": ago(days=1), "dateTo": "2999-01-01"}),
        ({"date_form": "date", "date_form_mode": "empty"}, {}),
        ({"date_form": "zoned", "date_form_mode": "empty"}, {"dateTo": "2024-03-03T12:00:00"}),
    ],
)
def test_what_is_not_taken_may_be_answered_with_no_rows(options: dict[str, Any], body: dict[str, Any]) -> None:
    with serve(max_span_days=None, **options) as emulator:
        assert sessions(post(emulator, **body)) == []
        emulator.reading = Reading(max_span_days=None)
        assert sessions(post(emulator, **body)) != []


@pytest.mark.parametrize(("mode", "expected"), [("cut_start", {1, 2, 7}), ("cut_end", {0, 1, 7})])
def test_a_span_may_be_cut_without_a_word(mode: str, expected: set[int]) -> None:
    rows = [row(0, "2024-01-01T00:00:00.000Z"), row(1, "2024-02-20T00:00:00.000Z")]
    rows += [row(2, "2024-05-01T00:00:00.000Z"), row(7, None)]
    asked = {"dateFrom": "2023-12-31", "dateTo": "2024-05-02T00:00:00.000Z"}
    with serve(rows, span_mode=mode) as emulator:
        assert set(sessions(post(emulator, **asked))) == expected
        assert set(sessions(post(emulator, dateFrom="2024-02-02", dateTo="2024-05-01"))) == {1, 2, 7}


def test_skip_may_be_ignored_or_held() -> None:
    with serve(skip_held_at=0) as emulator:
        assert sessions(post(emulator, limit="2")) == sessions(post(emulator, limit="2", skip="2"))
        emulator.reading = Reading(skip_held_at=2)
        assert sessions(post(emulator, skip="1")) == [6, 2, 1, 7]
        assert sessions(post(emulator, skip="2")) == sessions(post(emulator, skip="4")) == [2, 1, 7]


def test_a_page_ends_before_the_row_that_would_make_it_too_long() -> None:
    rows = [row(number, f"2024-03-02T00:00:0{number}.000Z") for number in range(5)]
    rows[2]["Description"] = "x" * 1000
    with serve(rows, page_bytes=500) as emulator:
        first = post(emulator)
        assert sessions(first) == [4, 3]
        assert len(first.content) <= 500
        assert sessions(post(emulator, skip="2")) == [2]
        assert sessions(post(emulator, skip="3")) == [1, 0]
        emulator.reading = Reading(page_bytes=len(first.content))
        assert sessions(post(emulator)) == [4, 3]
        emulator.reading = Reading(page_bytes=len(first.content) - 1)
        assert sessions(post(emulator)) == [4]
        emulator.reading = Reading(page_bytes=500, page_bytes_mode="empty")
        assert sessions(post(emulator, skip="2")) == []
        assert sessions(post(emulator)) == [4, 3]


def test_rows_may_come_in_an_envelope_and_refusals_as_text() -> None:
    with serve(envelope="hits", error_body="text") as emulator:
        assert [found["Session ID"] for found in post(emulator).json()["hits"]] == ["3", "6", "2", "1", "7"]
        assert post(emulator, "nonsense").text == "Invalid JWT token"


def test_a_429_says_how_long_to_wait() -> None:
    with serve(faults_script=["429", "429"], retry_after_seconds=7) as emulator:
        assert [post(emulator).headers.get("Retry-After") for _ in range(3)] == ["7", "7", None]


def test_one_bot_may_be_played_by_a_reading_of_its_own() -> None:
    own = {
        "st-b": {"max_page": 2},
        "st-c": {"faults": ["412"], "fault_rate": 1.0},
        "st-d": {"faults": ["500"], "fault_rate": 1.0},
        "st-e": {"faults_script": ["429"]},
    }
    reading = Reading(max_page=4, by_bot=own)
    with Emulator(dict.fromkeys([BOT, *own], ROWS), reading, client_secret=SECRET) as emulator:
        assert [len(sessions(post(emulator, bot=bot))) for bot in (BOT, "st-b")] == [4, 2]
        statuses = {bot: [post(emulator, bot=bot).status_code for _ in range(3)] for bot in own}
        assert statuses == {
            "st-b": [200, 200, 200], "st-c": [412, 412, 412], "st-d": [500, 500, 500], "st-e": [429, 200, 200]
        }  # fmt: skip
        assert [post(emulator).status_code for _ in range(3)] == [200, 200, 200]


def test_latencies_are_the_bots_own_and_repeat_for_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = SimpleNamespace(sleep=slept.append, time=time.time, monotonic=time.monotonic)
    monkeypatch.setattr(server, "time", clock)
    own = {"st-b": {"latency_seconds": 9}, "st-c": {"latency_jitter_seconds": 2.0, "fault_seed": 5}}
    for _ in range(2):
        with Emulator(dict.fromkeys([BOT, *own], ROWS), Reading(by_bot=own), client_secret=SECRET) as emulator:
            for bot in (BOT, "st-b", "st-c", "st-c"):
                post(emulator, bot=bot)
    assert slept[0] == 9
    assert slept[1] != slept[2]
    assert all(0 < seconds < 2 for seconds in slept[1:3])
    assert slept[:3] == slept[3:]


@pytest.mark.parametrize(
    "options",
    [
        {"order": "sideways"}, {"max_page": "50"}, {"max_page": -1}, {"from_inclusive": 1}, {"faults": ("418",)},
        {"filters_ignored": ("chanel",)}, {"faults": "500"}, {"by_bot": {"st-a": {"max_pages": 5}}},
        {"by_bot": {"st-a": {"order": "up"}}}, {"by_bot": {"st-a": {"by_bot": {}}}}, {"refusals": {"st-a": "no"}},
        {"retention_days": "a year"}, {"skip_held_at": True},
    ],
)  # fmt: skip
def test_an_option_that_is_misspelt_or_impossible_is_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Reading(**options)


def test_a_reading_of_a_bot_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="st-nobody"):
        serve(by_bot={"st-nobody": {"max_page": 5}})


def test_the_command_line_takes_every_kind_of_option() -> None:
    given = ["order=oldest", "max_page=50", "precision=5min", "hint_in_412=false", "faults_script=500,none,429"]
    given += [
        "filters_ignored=channel,userIds",
        'by_bot={"st-b": {"max_page": 5, "faults": ["412"]}}',
        "lag_seconds=1.5",
    ]
    reading = parse_reading(given)
    assert reading == Reading(
        order="oldest", max_page=50, precision="5min", hint_in_412=False, faults_script=("500", None, "429"),
        filters_ignored=("channel", "userIds"), lag_seconds=1.5, by_bot={"st-b": {"max_page": 5, "faults": ["412"]}},
    )  # fmt: skip
    for wrong in ("max_pages=5", "max_page", "order=up", "max_page=x"):
        with pytest.raises(ValueError, match=r"max_page|order"):
            parse_reading([wrong])


def test_caps_are_silent_and_a_skip_beyond_the_ceiling_may_be_empty() -> None:
    with serve(max_page=2, skip_ceiling=3, skip_ceiling_mode="empty") as emulator:
        assert len(sessions(post(emulator))) == 2
        assert sessions(post(emulator, skip="4")) == []


@pytest.mark.parametrize("fault", ["reset", "truncated"])
def test_a_broken_answer_breaks_once_and_the_next_is_whole(fault: str) -> None:
    with serve(faults_script=[fault]) as emulator:
        with pytest.raises((requests.ConnectionError, requests.JSONDecodeError)):
            post(emulator).json()
        assert len(sessions(post(emulator))) == 5


def test_the_rate_limit_opens_again_when_its_window_has_rolled_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(monotonic=lambda: now[0]))
    options = {"requests_per_minute": 2, "rate_window_scale": 0.02, "rate_refusal": "429_retry_after"}
    with serve(**options) as emulator:
        statuses = [post(emulator).status_code for _ in range(3)]
        assert (statuses, emulator.refused_by_rate) == ([200, 200, 429], 1)
        now[0] = 1.19
        assert post(emulator).status_code == 429
        now[0] = 2.4
        assert post(emulator).status_code == 200


@pytest.mark.parametrize(("where", "place"), [("front", 0), ("middle", 1), ("back", 3)])
def test_a_row_slips_in_between_two_pages(where: str, place: int) -> None:
    rows = [row(number, f"2024-03-02T0{number}:00:00.000Z") for number in range(3)]
    with serve(rows, insert_while_paging=where, insert_rows=1) as emulator:
        assert len(sessions(post(emulator))) == 3
        post(emulator, skip="1")
        post(emulator, skip="1")
        assert len(emulator.rows(BOT)) == 4
        found = [one["Session ID"] for one in post(emulator).json()]
        assert len(found) == 4
        inserted = next(i for i, name in enumerate(found) if name.startswith("session-"))
        assert inserted == place


def test_several_rows_may_slip_in_at_each_request_until_there_are_so_many() -> None:
    rows = [row(number, f"2024-03-02T0{number}:00:00.000Z") for number in range(3)]
    with serve(rows, insert_while_paging="front", insert_rows=5, insert_per_request=3) as emulator:
        counts = []
        for skip in "01111":
            post(emulator, skip=skip)
            counts.append(len(emulator.rows(BOT)))
        assert counts == [3, 6, 8, 8, 8]
        newest = [one["End Date"] for one in post(emulator).json()[:5]]
        assert set(newest) == {WINDOW["dateTo"]}


@pytest.mark.parametrize(("where", "left"), [("front", [0, 1]), ("middle", [0, 3]), ("back", [2, 3])])
def test_rows_may_be_deleted_between_two_pages(where: str, left: list[int]) -> None:
    rows = [row(number, f"2024-03-02T0{number}:00:00.000Z") for number in range(4)]
    with serve(rows, delete_while_paging=where, delete_rows=2, order="oldest") as emulator:
        assert len(sessions(post(emulator))) == 4
        post(emulator, skip="1")
        assert len(emulator.rows(BOT)) == 3
        post(emulator, skip="1")
        post(emulator, skip="1")
        assert sessions(post(emulator)) == left


def test_even_rows_are_all_different_and_reach_the_end() -> None:
    end = datetime(2024, 3, 31, tzinfo=timezone.utc)
    rows = even_rows(BOT, end - timedelta(days=1), end, 1000)
    ends = [one["End Date"] for one in rows]
    assert len(set(ends)) == 1000
    assert ends == sorted(ends)
    assert (ends[0], ends[-1]) == ("2024-03-30T00:01:26.400Z", "2024-03-31T00:00:00.000Z")
    with serve(rows) as emulator:
        body = {"dateFrom": "2024-03-30", "dateTo": "2024-03-31", "limit": "100"}
        pages = [sessions_of(post(emulator, **body, skip=str(skip))) for skip in range(0, 1001, 100)]
        assert [len(page) for page in pages] == [100] * 10 + [0]
        assert len(set().union(*pages)) == 1000


def sessions_of(response: requests.Response) -> set[str]:
    return {found["Description"] for found in response.json()}


def test_rows_can_appear_late_or_from_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(log_store, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with serve([]) as emulator:
        emulator.add_rows(BOT, [ROWS[1]], appears_after=60)
        assert sessions(post(emulator)) == []
        now[0] = 61
        emulator.before_response = lambda seen: emulator.add_rows(seen.bot_id, [ROWS[2]])
        assert sessions(post(emulator)) == [2, 1]
        assert [seen.rows for seen in emulator.requests] == [0, 2]


def test_generated_rows_repeat_for_a_seed_and_are_all_different() -> None:
    end = datetime(2024, 3, 31, tzinfo=timezone.utc)
    rows = generate_rows(BOT, end - timedelta(days=30), end, 1000, 1)
    assert rows == generate_rows(BOT, end - timedelta(days=30), end, 1000, 1)
    assert len({repr(one) for one in rows}) == len(rows) == 1000
    assert sum(len(repr(one)) > 900_000 for one in rows) == 1
    assert any("End Date" not in one for one in rows)
    assert any(one.get("End Date", "").endswith("T00:00:00.000Z") for one in rows)
    with serve(rows) as emulator:
        assert emulator.config(bot_ids=[])["start_date"] == "2024-03-01T00:00:00Z"
        body = {"dateFrom": "2024-03-01", "dateTo": "2024-03-31", "limit": "1000"}
        assert len(post(emulator, **body).json()) == 1000


def test_a_query_may_find_no_more_than_so_many_rows_in_all() -> None:
    rows = [row(number, f"2024-03-02T12:00:0{number}.000Z") for number in range(5)]
    with serve(rows, most_rows=3) as emulator:
        assert len(sessions(post(emulator))) == 3
        assert len(sessions(post(emulator, skip="2"))) == 1
        assert sessions(post(emulator, skip="3")) == []


def test_a_date_to_ahead_of_now_may_be_taken_for_now_and_then_cut() -> None:
    now = datetime.now(timezone.utc)
    rows = [
        row(number, f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.000Z") for number, hours in ((1, 0), (2, 30))
    ]
    with serve(rows, future_date_to="now", precision="day", to_inclusive=False) as emulator:
        assert sessions(post(emulator, dateFrom=ago(days=3), dateTo=ago(days=-3))) == [2]


def test_the_order_among_ties_may_depend_on_the_page_and_on_nothing_else() -> None:
    rows = [row(number, "2024-03-02T12:00:00.000Z") for number in range(20)]
    with serve(rows, order="paged_ties") as emulator:
        first, again = sessions(post(emulator, limit="7")), sessions(post(emulator, limit="7"))
        assert first == again != sessions(post(emulator, limit="8"))[:7]


def test_a_list_of_channels_may_be_refused() -> None:
    with serve(channel_list="refuse") as emulator:
        assert post(emulator, channel=["slack"]).status_code == 412
