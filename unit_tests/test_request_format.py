"""A request can be written in each way that the vendor shows, and the ways are tried in a sensible order."""

import pytest

from source_kore_llm_logs.reading.padding import Span
from source_kore_llm_logs.reading.part import DAY, HOUR
from source_kore_llm_logs.reading.request_format import FIRST, RequestFormat, formats_after, limit_named_in
from unit_tests.small_scenario import NOON

SPAN = Span(NOON + 7, NOON + HOUR + 250)


def order(
    refused: RequestFormat = FIRST, words: str = "", in_future: bool = False, **chosen: object
) -> list[RequestFormat]:
    return list(formats_after(refused, words, in_future, chosen))


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (
            FIRST,
            {"dateFrom": "2024-05-15T12:00:00.007Z", "dateTo": "2024-05-15T13:00:00.250Z", "limit": "50", "skip": "0"},
        ),
        (
            RequestFormat(dates="seconds", integers=True),
            {"dateFrom": "2024-05-15T12:00:00", "dateTo": "2024-05-15T13:00:00", "limit": 50, "skip": 0},
        ),
        (
            RequestFormat(dates="day"),
            {"dateFrom": "2024-05-15", "dateTo": "2024-05-15", "limit": "50", "skip": "0"},
        ),
    ],
)
def test_dates_and_numbers_are_written_as_the_format_says(form: RequestFormat, body: dict[str, object]) -> None:
    assert form.body(SPAN, 50, 0) == body


def test_a_moment_before_the_epoch_is_written_too() -> None:
    assert FIRST.date(-1) == "1969-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (FIRST, SPAN),
        (RequestFormat(dates="seconds"), SPAN),
        (RequestFormat(dates="day"), (NOON - 12 * HOUR, NOON + 12 * HOUR)),
        (RequestFormat(dates="day", until_now=True), (NOON - 12 * HOUR, NOON - 12 * HOUR)),
    ],
)
def test_whole_days_are_rounded_outwards_but_not_into_the_future(form: RequestFormat, written: tuple[int, int]) -> None:
    assert form.written(SPAN) == written


def test_a_span_of_whole_days_is_written_as_it_is() -> None:
    midnights = Span(NOON - 12 * HOUR, NOON - 12 * HOUR + 3 * DAY)
    assert RequestFormat(dates="day").written(midnights) == midnights


def test_a_filter_is_spelled_as_in_the_sample_until_it_is_respelled() -> None:
    assert [FIRST.key(field) for field in ("channels", "feature_names", "task_id", "user_ids", "channel_user_ids")] == [
        "channel", "featureName", "taskId", "userIds", "channelUserIds",
    ]  # fmt: skip
    assert FIRST.respelled("user_ids", "userId").key("user_ids") == "userId"
    assert FIRST.respelled("user_ids", "userId").key("channel_user_ids") == "channelUserIds"
    assert FIRST.respelled("channel_user_ids", "channelUIds").key("channel_user_ids") == "channelUIds"


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("limit must be at most 100", 100),
        ("Validation errors/ Invalid arguments: limit should be <= 50", 50),
        ("LIMIT exceeds the maximum of 200", 200),
        ("dateTo must not exceed 90 days", None),
        ("limit is not allowed", None),
    ],
)
def test_the_largest_limit_is_taken_from_the_vendors_words(words: str, limit: int | None) -> None:
    assert limit_named_in(words) == limit


def test_all_formats_are_tried_those_with_the_fewest_changes_first() -> None:
    formats = order()
    assert formats[0] == FIRST
    assert [form.dates for form in formats[1:3]] == ["day", "seconds"]
    assert formats[3] == RequestFormat(integers=True)
    assert len(formats) == len(set(formats)) == 6
    assert not any(form.until_now for form in formats)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("limit must be a number", RequestFormat(integers=True)),
        ("dateFrom has a bad format, use YYYY-MM-DD", RequestFormat(dates="day")),
    ],
)
def test_what_the_vendors_words_hint_at_is_tried_first(words: str, first: RequestFormat) -> None:
    assert next(form for form in order(words=words) if form != FIRST) == first


def test_a_date_in_the_past_is_tried_only_where_the_refused_one_lay_ahead() -> None:
    assert RequestFormat(until_now=True) in order(in_future=True)
    assert RequestFormat(until_now=True) in order(RequestFormat(until_now=True))
    assert next(form for form in order(words="dateTo is in the future", in_future=True) if form != FIRST) == (
        RequestFormat(until_now=True)
    )


def test_filters_are_respelled_only_if_they_are_used() -> None:
    assert {form.user_ids for form in order()} == {"userIds"}
    assert {form.user_ids for form in order(user_ids=["u-1"])} == {"userIds", "userId"}
    assert next(form for form in order(words='"userIds" is not allowed', user_ids=["u-1"]) if form != FIRST) == (
        RequestFormat(user_ids="userId")
    )


def test_a_spelling_that_took_effect_is_kept_in_every_other_format() -> None:
    found = FIRST.respelled("channel_user_ids", "channelUIds")
    assert {form.channel_user_ids for form in order(found)} == {"channelUIds"}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (FIRST, "dates to the millisecond, numbers as text"),
        (RequestFormat(True, "day", True), "dates to the day, numbers as integers, dateTo in the past"),
    ],
)
def test_a_format_reads_as_words_for_the_log(form: RequestFormat, words: str) -> None:
    assert str(form) == words
