"""What no filter asks for is seen to come.

`isDeveloper: true` may select developers' rows where it should add them, and no `channel` may mean `rtm` only, as it
does at a sibling API [U]. So a part is asked small questions before it is read: for the rows of everybody but
developers, and for the documented channels that this bot has not shown. Their rows must be among those that the part
then gives. Where one is not, the bot is read in as many scopes as it takes.

The question for users is answered for good once it gave rows and all of them came; that for channels, for a stretch in
which none of them gives a row. What cannot be known: a channel outside the documented list, where no `channel` means
`rtm`. It must be named in the configuration.
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


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a request asks for. `channels`: None leaves the key out."""

    developer: bool
    channels: tuple[str, ...] | None

    def body(self, filters: Mapping[str, Any], form: RequestFormat) -> dict[str, Any]:
        """The part of the body that no page changes: the scope, and the filters of the configuration."""
        body: dict[str, Any] = {"isDeveloper": self.developer}
        if self.channels is not None:
            body["channel"] = list(self.channels)
        return {**body, **{form.key(field): value for field, value in filters.items() if field != "channels"}}


class Scopes:
    """In which scopes one bot is read, and what is still to be asked. Not thread-safe: its bot's lock guards it."""

    def __init__(self, include_developer: bool = True, channels: Sequence[str] | None = None):
        self._developer = include_developer
        self._channels = tuple(channels) if channels else None
        self.all = [Scope(self._developer, self._channels)]
        self.documented: tuple[str, ...] = DOCUMENTED_CHANNELS
        """The documented channels that this bot's server takes."""
        """Each part is read once in each of these."""
        self._shown: set[str] = set()
        self.silent: dict[Scope, Part] = {}
        """Stretches in which a scope has given no row."""
        self._developers_are_added = not include_developer

    def shown(self, rows: Sequence[Row]) -> None:
        """Rows that were received without a question."""
        for row in rows:
            channel = row.record.get("channel_name")
            if isinstance(channel, str):
                self._shown.add(channel.strip().casefold())

    def questions(self, is_thorough: bool = False) -> list[Scope]:
        """What a part that is about to be read is to be asked for: up to two scopes, the most telling first; or three.

        The second finds rows that two things hide at once: they are no developer's, and not of the channel `rtm`.
        """
        if len(self.all) > 1:
            return []
        asked = []
        if not self._developers_are_added:
            asked.append(Scope(False, self._channels))
        others = tuple(name for name in self.documented if name.casefold() not in self._shown)
        if self._channels is None and others:
            if not self._developers_are_added:
                asked.append(Scope(False, others))
            if self._developers_are_added or is_thorough:
                asked.append(Scope(self._developer, others))
        return asked

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
        channels = (self._channels,) if self._channels else (None, self.documented)
        self.all = [Scope(developer, chosen) for developer in developers for chosen in channels]
