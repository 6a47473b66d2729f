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

from integration_tests.kore_emulator import Emulator, Reading, generate_rows, log_store

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
        ({"precision": "day"}, set(range(8))),
    ],
)
def test_a_window_holds_the_rows_the_reading_says(options: dict[str, Any], expected: set[int]) -> None:
    with serve(**options) as emulator:
        assert set(sessions(post(emulator))) == expected


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


def test_the_rate_limit_opens_again_when_its_window_has_rolled_on() -> None:
    options = {"requests_per_minute": 2, "rate_window_scale": 0.02, "rate_refusal": "429_retry_after"}
    with serve(**options) as emulator:
        statuses = [post(emulator).status_code for _ in range(3)]
        assert (statuses, emulator.refused_by_rate) == ([200, 200, 429], 1)
        time.sleep(1.25)
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
