"""Every field is made exact, or refused by its name."""

from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.components.config_normalization import ExactConfiguration, base_url

GOOD: dict[str, Any] = {
    "host": "platform.kore.ai",
    "bot_ids": ["st-1"],
    "client_id": "cs-1",
    "client_secret": "1e5",
    "start_date": "2024-01-01",
}


def exact(**changes: Any) -> dict[str, Any]:
    config = {**GOOD, **changes}
    ExactConfiguration().transform(config)
    return config


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("platform.kore.ai", "https://platform.kore.ai"),
        (" https://platform.kore.ai/ ", "https://platform.kore.ai"),
        ("https://platform.kore.ai/api", "https://platform.kore.ai"),
        ("kore.example.com:8443/api/", "https://kore.example.com:8443"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_a_host_is_accepted_as_people_write_it(host: str, url: str) -> None:
    assert base_url(host) == url


@pytest.mark.parametrize(
    "host",
    ["", "http://platform.kore.ai", "https://a:b@platform.kore.ai", "platform.kore.ai/../x", "a b", "ftp://x.y",
     "platform.kore.ai?x=1", "platform.kore.ai#x", "https://x.y:99999", "-x.y", None, 5],
)  # fmt: skip
def test_nothing_else_than_a_host_gets_through(host: Any) -> None:
    with pytest.raises(AirbyteTracedException, match="`host`"):
        base_url(host)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bot_ids", []), ("bot_ids", None), ("bot_ids", ["st-1/../x"]), ("bot_ids", ["st 1"]), ("bot_ids", [5]),
        ("client_id", ""), ("client_secret", None), ("start_date", "01/02/2024"), ("start_date", "2024-02-30"),
        ("start_date", "2999-01-01"), ("start_date", None), ("end_date", "soon"), ("jwt_algorithm", "none"),
        ("payload_content", "some"), ("window_days", 0), ("window_days", 91), ("page_size", "50"),
        ("lookback_minutes", -1), ("requests_per_minute", 0), ("num_workers", True), ("channels", "rtm"),
    ],
)  # fmt: skip
def test_a_refused_value_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(AirbyteTracedException, match=f"`{field}`"):
        exact(**{field: value})


def test_start_after_end_is_refused() -> None:
    with pytest.raises(AirbyteTracedException, match="`start_date` must be before `end_date`"):
        exact(end_date="2023-12-31")


def test_bots_are_trimmed_and_repeats_dropped() -> None:
    assert exact(bot_ids=[" st-1 ", "st-2", "st-1"])["bot_ids"] == ["st-1", "st-2"]


@pytest.mark.parametrize(
    ("typed", "start"),
    [
        ("2024-02-29", "2024-02-29T00:00:00.000Z"),
        ("2024-03-31T02:30:00+02:00", "2024-03-31T00:30:00.000Z"),
        ("2024-03-31T02:30:00.123456Z", "2024-03-31T02:30:00.123Z"),
    ],
)
def test_dates_become_utc(typed: str, start: str) -> None:
    assert exact(start_date=typed)["start_date"] == start


def test_an_end_date_excludes_its_own_moment() -> None:
    assert exact(end_date="2024-02-01")["sync_end"] == "2024-01-31T23:59:59.999Z"
