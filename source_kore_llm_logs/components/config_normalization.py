"""What a person typed, made exact once: the host, the bots, the instants in UTC, the end of this sync.

Every value that is refused is refused by the name of its field, in one sentence that says what to do.
"""

import ipaddress
import re
from collections.abc import MutableMapping
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pendulum
from airbyte_cdk.sources.declarative.transformations.config_transformations.config_transformation import (
    ConfigTransformation,
)

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.records.timestamps import iso_ms

SETTLING_DELAY = timedelta(seconds=60)
"""A row appears up to a minute after its call [C]; what ended later than this is left to the next sync."""

HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
BOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
INSTANT = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?"
)
ALGORITHMS = ("HS256", "HS384", "HS512")
WHOLE_NUMBERS = {
    "window_days": (1, 90),
    "page_size": (1, 1_000),
    "lookback_minutes": (0, 129_600),
    "num_workers": (1, 100),
    "requests_per_minute": (1, 100_000),
    "requests_per_hour": (1, 1_000_000),
}
LISTS = ("channels", "feature_names", "user_ids", "channel_user_ids")


def refuse(field: str, what: str) -> NoReturn:
    """Raises the Fault of one field."""
    raise Fault(f"The field `{field}` {what}.")


def base_url(host: Any) -> str:
    """`https://{host}` from a bare name, a URL, or a URL with `/api`. Plain http only on this machine itself."""
    if not isinstance(host, str) or not host.strip():
        refuse("host", "must be the address of your Kore.ai platform, for example platform.kore.ai")
    text = host.strip()
    if "://" not in text:
        text = f"https://{text}"
    parts = urlsplit(text)
    name, path = parts.hostname or "", parts.path.rstrip("/")
    try:
        port = parts.port
    except ValueError:
        refuse("host", "has a port that is not a number from 1 to 65535")
    if parts.scheme.lower() not in ("https", "http"):
        refuse("host", "must begin with https:// or be a bare host name, for example platform.kore.ai")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        refuse("host", "must not contain a user name or password")
    loopback = name == "localhost" or _is_loopback(name)
    if not (HOST.fullmatch(name) or loopback) or path not in ("", "/api") or parts.query or parts.fragment:
        refuse("host", "must be a host name and nothing else, for example platform.kore.ai")
    if parts.scheme.lower() == "http" and not loopback:
        refuse("host", "must use https; plain http would show the logs to the network")
    authority = f"[{name}]" if ":" in name else name
    return f"{parts.scheme.lower()}://{authority}" + (f":{port}" if port else "")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def instant(field: str, value: Any) -> datetime:
    """A date (its first moment in UTC) or an RFC 3339 time, as an aware UTC datetime cut to milliseconds."""
    if not isinstance(value, str) or not INSTANT.fullmatch(value.strip()):
        refuse(field, "must be a date or a time such as 2025-01-31 or 2025-01-31T00:00:00Z")
    try:
        parsed = pendulum.parse(value.strip(), tz="UTC", exact=False)
        utc = datetime.fromisoformat(str(parsed)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        refuse(field, "is not a date of the calendar")
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


class ExactConfiguration(ConfigTransformation):
    """Replaces what was typed by exact values, and adds `base_url` and `sync_end` for the manifest."""

    def transform(self, config: MutableMapping[str, Any]) -> None:
        """Raises Fault on the first field that cannot be used."""
        config["base_url"] = base_url(config.get("host"))
        config["bot_ids"] = self._bots(config.get("bot_ids"))
        for field in ("client_id", "client_secret"):
            if not isinstance(config.get(field), str) or not config[field].strip():
                refuse(field, "is missing: copy it from the page of the app in Kore.ai")
        if (config.get("jwt_algorithm") or "HS256") not in ALGORITHMS:
            refuse("jwt_algorithm", f"must be one of {', '.join(ALGORITHMS)}")
        if (config.get("payload_content") or "full") not in ("full", "redacted"):
            refuse("payload_content", "must be full or redacted")
        for field, (lowest, highest) in WHOLE_NUMBERS.items():
            self._check_number(field, config.get(field), lowest, highest)
        for field in LISTS:
            value = config.get(field)
            if value is not None and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
                refuse(field, "must be a list of texts")
        start = instant("start_date", config.get("start_date"))
        end = datetime.now(timezone.utc) - SETTLING_DELAY
        if start > end:
            refuse("start_date", "lies in the future: choose a moment that has passed")
        if config.get("end_date"):
            closed = instant("end_date", config["end_date"])
            if closed <= start:
                refuse("start_date", "must be before `end_date`")
            end = min(end, closed - timedelta(milliseconds=1))
        config["start_date"] = iso_ms(start)
        config["sync_end"] = iso_ms(end)

    @staticmethod
    def _bots(bots: Any) -> list[str]:
        if not isinstance(bots, list) or not bots:
            refuse("bot_ids", "must list at least one bot id (General Settings of the bot in Kore.ai)")
        ids = []
        for bot in bots:
            if not isinstance(bot, str) or not BOT_ID.fullmatch(bot.strip()):
                refuse("bot_ids", "holds a value that is not a bot id; one looks like st-f3195ec3-72aa-5317-92")
            ids.append(bot.strip())
        return list(dict.fromkeys(ids))

    @staticmethod
    def _check_number(field: str, value: Any, lowest: int, highest: int) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            refuse(field, f"must be a whole number from {lowest} to {highest}")
