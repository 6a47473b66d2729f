"""What no filter asks for is asked for apart, until it is seen to come without being asked for."""

import logging

import pytest

from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.request_format import FIRST, RequestFormat
from source_kore_llm_logs.reading.scopes import DOCUMENTED_CHANNELS, Scope, Scopes
from unit_tests.simulated_behaviour import DAY, HOUR, Choice
from unit_tests.small_scenario import NOON, assert_complete, bodies, row, scenario, seen

OTHERS = tuple(name for name in DOCUMENTED_CHANNELS if name != "rtm")
RTM, TEAMS = seen(1, 0, 0, channel_name=" RTM "), seen(2, 0, 0, channel_name="msteams")


def test_the_documented_channels_are_the_vendors_24() -> None:
    assert len(set(DOCUMENTED_CHANNELS)) == 24
    assert {"rtm", "msteams", "ivrVoice", "rcs"} <= set(DOCUMENTED_CHANNELS)


def test_a_bot_of_which_nothing_was_seen_is_asked_for_all_but_developers_and_for_every_channel() -> None:
    assert Scopes().question_for_users() == [Scope(False, None)]
    assert Scopes().questions_for_channels() == [Scope(False, DOCUMENTED_CHANNELS), Scope(True, DOCUMENTED_CHANNELS)]


def test_channels_that_were_shown_are_not_asked_for_and_all_others_are() -> None:
    scopes = Scopes()
    scopes.shown([RTM, seen(3, 0, 0, channel_name=None)])
    assert scopes.questions_for_channels() == [Scope(False, OTHERS), Scope(True, OTHERS)]
    scopes.shown([TEAMS])
    left = tuple(name for name in OTHERS if name != "msteams")
    assert scopes.questions_for_channels() == [Scope(False, left), Scope(True, left)]


def test_a_stretch_without_a_row_of_some_channels_is_silent_for_fewer_of_them() -> None:
    scopes = Scopes()
    scopes.silent[Scope(True, OTHERS)] = Part(0, 100)
    assert scopes.silence(Scope(True, ("ivr", "sms"))) == Part(0, 100)
    assert scopes.silence(Scope(True, ("ivr", "korevg"))) is None
    assert scopes.silence(Scope(False, ("ivr",))) is None


def test_developers_are_seen_to_be_added_once_rows_of_a_question_without_them_came() -> None:
    scopes = Scopes()
    scopes.came(Scope(True, DOCUMENTED_CHANNELS))
    assert scopes.question_for_users() == [Scope(False, None)]
    scopes.came(Scope(False, None))
    assert scopes.question_for_users() == []
    assert scopes.questions_for_channels() == [Scope(True, DOCUMENTED_CHANNELS)]


def test_what_the_configuration_chooses_is_not_asked_for_otherwise() -> None:
    chosen = Scopes(channels=["ivr"])
    assert (chosen.question_for_users(), chosen.questions_for_channels()) == ([Scope(False, ("ivr",))], [])
    users = Scopes(include_developer=False)
    assert (users.question_for_users(), users.questions_for_channels()) == ([], [Scope(False, DOCUMENTED_CHANNELS)])


def test_a_list_is_tried_with_channels_that_were_shown_at_its_end_and_once() -> None:
    scopes = Scopes()
    assert scopes.trial_of_a_list() is None
    scopes.shown([RTM])
    assert scopes.trial_of_a_list() == Scope(True, (*OTHERS, "rtm"))
    scopes.heeds_lists = True
    assert scopes.trial_of_a_list() is None


@pytest.mark.parametrize("as_text", [False, True])
def test_where_no_list_is_heeded_channels_are_asked_for_one_by_one(as_text: bool) -> None:
    scopes = Scopes(include_developer=False)
    scopes.silent[Scope(False, DOCUMENTED_CHANNELS)] = Part(0, 100)
    scopes.shown([RTM, TEAMS])
    scopes.ask_one_by_one([name if as_text else (name,) for name in DOCUMENTED_CHANNELS])
    names = [name for name in DOCUMENTED_CHANNELS if name not in ("rtm", "msteams")]
    assert scopes.questions_for_channels() == [Scope(False, name if as_text else (name,)) for name in names]
    assert scopes.silence(scopes.questions_for_channels()[0]) is None
    assert scopes.questions_for_channels()[0].body({}, FIRST)["channel"] == ("twitter" if as_text else ["twitter"])


@pytest.mark.parametrize(
    ("developer", "channels", "scopes"),
    [
        (True, None, [(True, None), (False, None), (True, DOCUMENTED_CHANNELS), (False, DOCUMENTED_CHANNELS)]),
        (True, ["ivr"], [(True, ("ivr",)), (False, ("ivr",))]),
        (False, None, [(False, None), (False, DOCUMENTED_CHANNELS)]),
    ],
)
def test_a_bot_whose_rows_did_not_come_is_read_in_every_scope_and_asked_nothing_more(
    developer: bool, channels: list[str] | None, scopes: list[tuple[bool, tuple[str, ...] | None]]
) -> None:
    widened = Scopes(developer, channels)
    widened.widen()
    assert [(scope.developer, scope.channels) for scope in widened.all] == scopes
    assert widened.question_for_users() == widened.questions_for_channels() == []


def test_a_body_holds_the_scope_and_the_filters_in_the_formats_spelling() -> None:
    filters = {"channels": ["ivr"], "user_ids": ["u-1"], "task_id": "dg-1"}
    assert Scope(True, None).body(filters, FIRST) == {"isDeveloper": True, "userIds": ["u-1"], "taskId": "dg-1"}
    assert Scope(False, ("ivr",)).body(filters, RequestFormat(user_ids="userId")) == {
        "isDeveloper": False, "channel": ["ivr"], "userId": ["u-1"], "taskId": "dg-1",
    }  # fmt: skip


# Against a server

MIXED = [row(1), row(2, developer=True), row(3, channel="msteams"), row(4, channel="msteams", developer=True)]


@pytest.mark.parametrize("developer", ["adds", "selects", "ignored"])
@pytest.mark.parametrize("no_channel", ["all", "rtm"])
@pytest.mark.parametrize("days", [0, 3, 200])
def test_every_row_comes_whatever_is_developer_and_no_channel_mean(developer: str, no_channel: str, days: int) -> None:
    start = NOON - days * DAY
    assert_complete(scenario(MIXED, start=start, developer=developer, no_channel=no_channel))


@pytest.mark.parametrize("hidden", [row(2), row(2, channel="msteams"), row(2, channel="msteams", developer=True)])
def test_one_row_that_was_not_asked_for_is_found_beside_one_that_was(
    hidden: object, caplog: pytest.LogCaptureFixture
) -> None:
    """`isDeveloper: true` selects developers' rows, and no channel means `rtm`: two things may hide one row."""
    with caplog.at_level(logging.WARNING, "airbyte"):
        assert_complete(
            scenario(
                [row(1, developer=True), hidden],  # type: ignore[list-item]
                start=NOON - 3 * DAY,
                developer="selects",
                no_channel="rtm",
            )
        )
    assert "reading it in 4 ways" in caplog.text


def test_a_server_that_gives_everything_is_read_in_one_way(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "airbyte"):
        server = assert_complete(scenario(MIXED, start=NOON - 200 * DAY))
    assert "reading it in" not in caplog.text
    pages = [body for body in bodies(server, "limit", "isDeveloper", "channel") if body[0] == "1000"]
    assert set(map(str, pages)) == {"('1000', True, None)"}


@pytest.mark.parametrize("hours", [2, 12, 72])
def test_developers_rows_in_another_channel_come_though_no_channel_means_rtm(hours: int) -> None:
    """As in every hourly sync: users' rows are in `rtm`, developers' are not."""
    log = [row(1), row(2), row(3, channel="slack", developer=True)]
    assert_complete(scenario(log, start=NOON - HOUR, after=NOON + (hours - 1) * HOUR, no_channel="rtm"))


@pytest.mark.parametrize("channel_list", ["first", "known", "refused", "one", "text"])
@pytest.mark.parametrize("developer", ["adds", "selects"])
@pytest.mark.parametrize("days", [0, 60])
def test_a_server_that_heeds_no_list_of_channels_is_asked_for_each(
    channel_list: str, developer: str, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    log = [row(1), *(row(number, channel=name) for number, name in enumerate(("msteams", "ivr", "sms"), 2))]
    log += [row(5, developer=True), row(6, channel="slack", developer=True)]
    with caplog.at_level(logging.INFO, "airbyte"):
        assert_complete(
            scenario(
                log, start=NOON - HOUR - days * DAY, no_channel="rtm", channel_list=channel_list, developer=developer
            )
        )
    assert "asking for them one by one" in caplog.text


def test_a_chosen_channel_and_no_developers_leave_nothing_to_ask() -> None:
    choice = Choice(include_developer_usage=False, channels=("msteams",))
    server = assert_complete(scenario(MIXED, choice=choice))
    assert set(map(str, bodies(server, "isDeveloper", "channel"))) == {"(False, ['msteams'])"}
