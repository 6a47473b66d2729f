"""What no filter asks for is seen to come.

`isDeveloper: true` may select developers' rows where it should add them, and no `channel` may mean `rtm` only, as it
does at a sibling API [U]. So each part is asked small questions: before it is read, for the rows of everybody but
developers; afterwards, for the documented channels that this bot has not shown. Their rows must be among those that
the part gives. Where one is not, the bot is read in as many scopes as it takes.

- The question for users is answered for good once it gave rows and all of them came. Then developers' rows are added,
  and the question for channels may ask for everybody; else it is asked for users, and for developers.
- The question for channels is answered for a stretch in which none of them gives a row. Silence is believed if a list
  that ends with channels which the bot has shown gives rows. A server that takes no list, that heeds only its first
  name, or that gives nothing where it does not know a name, is asked channel by channel.

What cannot be known: a channel outside the documented list, where no `channel` means `rtm`. It must be named in the
configuration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from source_kore_llm_logs.reading.fetch import Row
from source_kore_llm_logs.reading.part import Part
from source_kore_llm_logs.reading.request_format import RequestFormat

DOCUMENTED_CHANNELS = (
    "msteams", "twitter", "spark", "rtm", "facebook", "slack", "kore", "email", "sms", "ringcentral", "jabber",
    "yammer", "alexa", "twiliovoice", "telegram", "ivr", "ivrVoice", "smartassist", "line", "liveperson",
    "googleactions", "hangoutchat", "mattermost", "rcs",
)  # fmt: skip
"""[D], at getAnalytics."""
Channels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a request asks for. `channels`: None leaves the key out; text is sent as it is, as an older page of
    the vendor shows it [D]."""

    developer: bool
    channels: Channels | str | None

    def body(self, filters: Mapping[str, Any], form: RequestFormat) -> dict[str, Any]:
        """The part of the body that no page changes: the scope, and the filters of the configuration."""
        body: dict[str, Any] = {"isDeveloper": self.developer}
        if self.channels is not None:
            body["channel"] = self.channels if isinstance(self.channels, str) else list(self.channels)
        return {**body, **{form.key(field): value for field, value in filters.items() if field != "channels"}}


class Scopes:
    """In which scopes one bot is read, and what is still to be asked. Not thread-safe: its bot's lock guards it."""

    def __init__(self, include_developer: bool = True, channels: Sequence[str] | None = None):
        self._developer = include_developer
        self._channels = tuple(channels) if channels else None
        self.all = [Scope(self._developer, self._channels)]
        """Each part is read once in each of these."""
        self.documented: list[Channels | str] = [DOCUMENTED_CHANNELS]
        """How the documented channels are asked for: in one list, or one by one."""
        self.heeds_lists: bool | None = None
        """Whether this bot's server heeds a list of channels to its end. None: not tried yet."""
        self._shown: set[str] = set()
        self.silent: dict[Scope, Part] = {}
        """Stretches in which a scope has given no row."""
        self._developers_are_added = not include_developer

    def shown(self, rows: Sequence[Row]) -> None:
        """Rows that were received without a question."""
        self._shown.update(map(_channel, rows))

    def is_shown(self, row: Row) -> bool:
        """Whether the row is of a channel that was received without a question."""
        return _channel(row) in self._shown

    def _unshown(self, channels: Channels | str) -> Channels | str | None:
        """Those that this bot has not shown."""
        if isinstance(channels, str):
            return None if channels.casefold() in self._shown else channels
        return tuple(name for name in channels if name.casefold() not in self._shown) or None

    def question_for_users(self) -> list[Scope]:
        """What is to be asked before a part is read: one scope, or none."""
        return [] if self._developers_are_added or len(self.all) > 1 else [Scope(False, self._channels)]

    def questions_for_channels(self) -> list[Scope]:
        """What is to be asked besides: rows of channels that this bot has not shown.

        For users, too, while developers' rows may be selected: those are hidden by two things at once.
        """
        if self._channels is not None or len(self.all) > 1:
            return []
        others = [left for channels in self.documented if (left := self._unshown(channels))]
        developers = (self._developer,) if self._developers_are_added else (False, self._developer)
        return [Scope(developer, channels) for developer in developers for channels in others]

    def trial_of_a_list(self) -> Scope | None:
        """A list that gives rows if it is heeded to its end; None if that is known, or if no such list is."""
        if self.heeds_lists is not None or self._channels is not None:
            return None
        unshown = self._unshown(DOCUMENTED_CHANNELS) or ()
        shown = tuple(name for name in DOCUMENTED_CHANNELS if name not in unshown)
        return Scope(self._developer, (*unshown, *shown)) if shown and unshown else None

    def ask_one_by_one(self, singles: Sequence[Channels | str]) -> None:
        """Lists of channels are not taken, or not heeded; these are."""
        self.heeds_lists = False
        self.documented = list(singles)
        self.silent.clear()

    def silence(self, scope: Scope) -> Part | None:
        """The stretch in which the channels of this scope, and maybe more, have given no row."""
        for known, stretch in self.silent.items():
            if known.developer == scope.developer and set(scope.channels or ()) <= set(known.channels or ()):
                return stretch
        return None

    def came(self, question: Scope) -> None:
        """A question gave rows, and all of them were among those of the part."""
        if self._developer and not question.developer:
            self._developers_are_added = True

    def widen(self) -> None:
        """Rows of a question did not come: reads this bot in every scope that may be needed."""
        developers = (True, False) if self._developer else (False,)
        channels = [self._channels] if self._channels else [None, *self.documented]
        self.all = [Scope(developer, chosen) for chosen in channels for developer in developers]


def _channel(row: Row) -> str:
    return str(row.record.get("channel_name") or "").strip().casefold()
