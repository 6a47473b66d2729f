"""What a person or a program gave, made exact once: text without blanks at its ends, numbers, instants in UTC.

Types, ranges, choices and titles are those of the `spec` in `manifest.yaml`. Every value that is refused is refused in
one sentence with the name of its field, that says what to do and does not repeat the value.
"""

import ipaddress
import json
import logging
import re
import unicodedata
from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta, timezone
from difflib import get_close_matches
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pendulum
from airbyte_cdk.sources.declarative.transformations.config_transformations.config_transformation import (
    ConfigTransformation,
)

from source_kore_llm_logs.api.signing_key import signing_key
from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.manifest import named, specification
from source_kore_llm_logs.records.timestamps import iso_ms, now

logger = logging.getLogger("airbyte")

SETTLING_DELAY = timedelta(seconds=60)
"""A row appears up to a minute after its call [C]; what ended later than this is left to the next sync."""

LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST = re.compile(rf"(?=.{{1,253}}$){LABEL}(\.{LABEL})*")
BOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
SEVERAL = re.compile(r"[\s,;]")
QUOTED = re.compile(r"""(["'`]).*\1|“.*”""", re.DOTALL)
PRIVATE = "__"
"""How the names of a program's own options begin; a user's config has none."""
DERIVED = ("base_url", "sync_end")
"""What is added here for the manifest."""
DECIDES_WHAT_IS_COPIED = ("period", "content", "filters")
"""Groups of the form: who misspells one of their fields would get other data, and not a slower sync."""


def refuse(field: str, what: str) -> NoReturn:
    """Raises the Fault of one field."""
    raise Fault(f"{named(field)} {what}.")


def trimmed(text: str) -> str:
    """The text without what cannot be seen at its ends: blanks, line breaks, byte-order mark, zero-width characters."""
    visible = [
        place for place, char in enumerate(text) if unicodedata.category(char) not in ("Cc", "Cf", "Zs", "Zl", "Zp")
    ]
    return text[visible[0] : visible[-1] + 1] if visible else ""


def moment_of(text: str) -> datetime:
    """A date (its first moment in UTC) or an RFC 3339 time, as an aware UTC datetime cut to milliseconds.

    Raises ValueError if it is neither, or not in the calendar.
    """
    if not text or not re.fullmatch(specification()["properties"]["start_date"]["pattern"], text):
        raise ValueError("must be a date or a time such as 2025-01-31 or 2025-01-31T00:00:00Z")
    try:
        parsed = pendulum.parse(text, tz="UTC", exact=False)
        utc = datetime.fromisoformat(str(parsed)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError("is not a date of the calendar") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def instant(field: str, value: str) -> datetime:
    """The field's moment. Raises Fault if it holds none."""
    try:
        return moment_of(value)
    except ValueError as error:
        refuse(field, str(error))


def base_url(host: str) -> str:
    """`https://{host}` from a bare name or the address of any page of the platform, as copied from a browser.

    Plain http only on this machine itself. Raises Fault for what holds no host, or a user name or password.
    """
    scheme, address = re.fullmatch(r"(https?://)?(.*)", host, re.I | re.S).groups()  # type: ignore[union-attr]
    if re.match(r"https?[:.]*//|[a-z][a-z0-9+.-]*:/", address, re.I):
        refuse("host", "must begin with https:// or be a bare host name, for example platform.kore.ai")
    try:
        parts = urlsplit(f"{scheme or 'https://'}{address}")
        port = parts.port
    except ValueError:
        refuse("host", "must be an address such as platform.kore.ai, with a port from 1 to 65535 if it has one")
    name = parts.hostname or ""
    if "@" in parts.netloc:
        refuse("host", "must not contain a user name or password")
    if re.search(r"\s", name):
        refuse("host", "must not contain a blank: it is one address such as platform.kore.ai")
    loopback = name == "localhost" or _is_loopback(name)
    if not (HOST.fullmatch(name) or loopback):
        refuse("host", "must be the address of your Kore.ai platform, for example platform.kore.ai")
    if parts.scheme == "http" and not loopback:
        refuse("host", "must use https; plain http would show the logs to the network")
    authority = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{authority}" + (f":{port}" if port else "")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _text(field: str, value: Any, what: str = "must be text") -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        refuse(field, f"{what} in quotes, not a number")
    if not isinstance(value, str):
        refuse(field, what)
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(field, "holds a character that cannot be sent: copy it again")
    text = trimmed(value)
    if QUOTED.fullmatch(text):
        refuse(field, "must be given without the quotes around it")
    return text


def _choice(field: str, value: Any, choices: list[str]) -> str | None:
    text = _text(field, value)
    found = next((choice for choice in choices if choice.casefold() == text.casefold()), None)
    if text and found is None:
        refuse(field, f"must be one of {', '.join(choices)}; there is no other")
    return found


def _texts(field: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        example = [trimmed(part) for part in value.split(",")] if field == "bot_ids" and isinstance(value, str) else []
        refuse(field, f"must be a list, for example {json.dumps(example[:3] or ['a', 'b'])}")
    texts = [_text(field, item, "must be a list of texts") for item in value if item is not None]
    return [text for text in texts if text]


def _truth(field: str, value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    said = trimmed(value).lower() if isinstance(value, str) else None
    if said not in ("true", "false", ""):
        refuse(field, "must be true or false")
    return said == "true" if said else None


def _whole_number(field: str, value: Any, lowest: int, highest: int) -> int | None:
    """Programs that fill in a template give 1000 as "1000" or 1000.0: both are taken for what they are."""
    if isinstance(value, str):
        value = trimmed(value)
        if not value:
            return None
        value = int(value) if re.fullmatch(r"[+-]?\d{1,18}", value) else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        refuse(field, f"must be a whole number from {lowest} to {highest}")
    return value


def exact(field: str, schema: Mapping[str, Any], value: Any) -> Any:
    """The value of one field by its schema; None where nothing was given. Raises Fault."""
    if value is None:
        return None
    kind = schema["type"]
    if kind == "integer":
        return _whole_number(field, value, schema["minimum"], schema["maximum"])
    if kind == "boolean":
        return _truth(field, value)
    if kind == "array":
        return (_texts(field, value) if value != "" else None) or None
    return (_choice(field, value, schema["enum"]) if "enum" in schema else _text(field, value)) or None


def _tell_of_unknown(name: str, value: Any, schema: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Warns of a field that there is not, with the one that may be meant: known by a spelling near its own or its
    title's, or by a value that only it takes.

    Raises Fault if that one decides what is copied, or must be given and is not.
    """
    fields = schema["properties"]
    meant = {spelling: field for field, own in fields.items() for spelling in (field, own["title"].lower())}
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", trimmed(name)).lower()
    near = [meant[spelling] for spelling in get_close_matches(words, meant, n=1, cutoff=0.75)]
    near += [field for field, own in fields.items() if isinstance(value, str) and value in own.get("enum", ())]
    what = f"`{trimmed(name)[:60].encode(errors='replace').decode()}` is no field of the configuration"
    if not near:
        logger.warning("%s, and has no effect.", what)
        return
    what += f": did you mean {named(near[0])}?"
    is_missing = near[0] in schema["required"] and near[0] not in given
    if is_missing or fields[near[0]]["group"] in DECIDES_WHAT_IS_COPIED:
        raise Fault(what)
    logger.warning("%s It has no effect.", what)


class ExactConfiguration(ConfigTransformation):
    """Replaces what was given by exact values, and adds `base_url` and `sync_end` for the manifest.

    A field that is null or empty is left out, so that its default counts, and so is every private option. Of a field
    that there is not, a line of the log tells.
    """

    def transform(self, config: MutableMapping[str, Any]) -> None:
        """Raises Fault on the first field that cannot be used."""
        schema = specification()
        for name in [name for name in config if name not in schema["properties"] and name not in DERIVED]:
            value = config.pop(name)
            if not name.startswith(PRIVATE):
                _tell_of_unknown(name, value, schema, config)
        for field, own in schema["properties"].items():
            value = exact(field, own, config.pop(field, None))
            if value is not None:
                config[field] = value
            elif field in schema["required"]:
                example = f", for example {json.dumps(own['examples'][0])}" if "examples" in own else ""
                refuse(field, f"must be given{example}")
        config["host"] = config["base_url"] = base_url(config["host"])
        if any(SEVERAL.search(bot) for bot in config["bot_ids"]):
            refuse("bot_ids", 'must have one bot id, and no name, in each entry, for example ["st-1", "st-2"]')
        if not all(BOT_ID.fullmatch(bot) for bot in config["bot_ids"]):
            refuse("bot_ids", "must be a list of bot ids; one looks like st-f3195ec3-72aa-5317-92")
        config["bot_ids"] = list(dict.fromkeys(config["bot_ids"]))
        try:
            signing_key(config["client_secret"], config.get("jwt_algorithm") or "HS256")
        except ValueError as error:
            refuse("client_secret", str(error))
        self._set_period(config)

    @staticmethod
    def _set_period(config: MutableMapping[str, Any]) -> None:
        start = instant("start_date", config["start_date"])
        end = now() - SETTLING_DELAY
        if start > end:
            refuse("start_date", "lies in the future: choose a moment that has passed")
        if "end_date" in config:
            closed = instant("end_date", config["end_date"])
            if closed <= start:
                refuse("start_date", f"must be before {named('end_date')}")
            end = min(end, closed - timedelta(milliseconds=1))
        config["start_date"] = iso_ms(start)
        config["sync_end"] = iso_ms(end)
