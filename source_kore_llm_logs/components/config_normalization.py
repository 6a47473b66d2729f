"""Validates the configuration by the `spec` in `manifest.yaml`, and normalizes it: text, numbers, and dates in UTC. An
error names the field and says what to enter, without repeating the value."""

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
from jsonschema import Draft201909Validator

from source_kore_llm_logs.components.authenticator import signing_key
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.manifest import SPECIFICATION, named
from source_kore_llm_logs.records.timestamps import now, to_iso

logger = logging.getLogger("airbyte")

SETTLING_DELAY = timedelta(seconds=60)  # A row appears up to a minute after its call [C].
PRIVATE = "__"  # The prefix of options by which the CDK and its tools inject code and manifests.
DERIVED = ("base_url", "sync_end")  # Added here for the manifest.
DECIDES_WHAT_IS_COPIED = ("period", "content", "filters")
"""Groups of the form. A misspelt field of theirs, if ignored, would change which data is copied."""
SOUNDS_LIKE_REDACTION = re.compile(
    r"(?i)redact|mask|(an|pseud)onym|obfuscat|scrub|saniti[sz]|censor|hide|pii|gdpr|hipaa|privacy|personal|sensitive|confidential"
    r"|payload|prompt|answer|content|message"
)
"""Matches unknown fields whose author may believe that they keep prompts and answers out."""


def refuse(field: str, what: str) -> NoReturn:
    raise ConnectorError(f"{named(field)} {what}.")


def trimmed(text: str) -> str:
    """Strips invisible characters from both ends: blanks, line breaks, byte-order mark, zero-width characters."""
    seen = [n for n, char in enumerate(text) if unicodedata.category(char) not in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    return text[seen[0] : seen[-1] + 1] if seen else ""


def parse_config_date(text: str) -> datetime:
    """Parses a date (midnight UTC) or an RFC 3339 time, to the millisecond. Raises ValueError for anything else, and
    for dates that do not exist."""
    if not text or not re.fullmatch(SPECIFICATION["properties"]["start_date"]["pattern"], text):
        raise ValueError("no date")
    try:
        parsed = pendulum.parse(text, tz="UTC", exact=False)
        utc = datetime.fromisoformat(str(parsed)).astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("beyond the first or the last year") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def base_url(host: str) -> str:
    """`https://{host}` from a host name, or from the URL of any page of the platform. Plain http is allowed for the
    local machine only. Raises ConnectorError without a valid host."""
    try:
        parts = urlsplit(host if re.match("https?://", host, re.I) else f"https://{host}")
        name, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        name = ""
    if not name.strip(".-"):
        refuse("host", "must be the address of your Kore.ai platform, for example platform.kore.ai")
    if parts.scheme == "http" and not re.fullmatch(r"localhost|::1|127(\.\d{1,3}){3}", name):
        refuse("host", "must use https; plain http would show the logs to the network")
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}{port}"


def _coerced(kind: str, value: Any) -> Any:
    """Trims text, and converts a number or boolean that was given as text (or as 50.0). None for an empty value."""
    if isinstance(value, str):
        value = trimmed(value)
        if kind == "integer" and re.fullmatch(r"[+-]?\d{1,18}", value):
            return int(value)
        if kind == "boolean" and value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif isinstance(value, float) and kind == "integer" and value.is_integer():
        return int(value)
    elif isinstance(value, list):
        value = [item for one in value if (item := _coerced("string", one)) is not None]
    return None if value in ("", []) else value


def _expected(schema: Mapping[str, Any], value: Any) -> str:
    """What the field must hold instead of this value, in words."""
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']} to {schema['maximum']}"
    if schema["type"] == "array":
        is_of_texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        what = "in quotes" if not is_of_texts else f"that each look like {schema['items']['pattern_descriptor']}"
        return f"a list of texts {what}, for example {json.dumps(schema['examples'][0])}"
    if schema["type"] == "boolean":
        return "true or false"
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    example = f", for example {schema['examples'][0]}" if "examples" in schema else ""
    return f"{schema['pattern_descriptor']}{example}" if isinstance(value, str) else "text in quotes"


def _warn_of_unknown(name: str, value: Any, config: Mapping[str, Any]) -> None:
    """Logs a warning about an unknown field, and names the field that may be meant: one whose name, title or choices
    are spelled nearly the same, or one that has this value as a choice. Raises ConnectorError if that field is required
    and missing, or decides what is copied."""
    fields, shown = SPECIFICATION["properties"], trimmed(name)
    spellings = {spelling: field for field, own in fields.items() for spelling in (field, own["title"].lower())}
    near = ["payload_content"] if SOUNDS_LIKE_REDACTION.search(shown) else []
    near += [spellings[found] for found in get_close_matches(shown.lower(), spellings, n=1, cutoff=0.75)]
    for field, own in fields.items():
        choices = own.get("enum", ())
        if get_close_matches(shown.lower(), choices, cutoff=0.85) or (isinstance(value, str) and value in choices):
            near.append(field)
    what = f"`{shown[:60].encode(errors='replace').decode()}` is no field of the configuration"
    if not near:
        logger.warning("%s, and has no effect.", what)
        return
    what += f": did you mean {named(near[0])}?"
    is_missing = near[0] in SPECIFICATION["required"] and near[0] not in config
    if is_missing or fields[near[0]]["group"] in DECIDES_WHAT_IS_COPIED:
        raise ConnectorError(what)
    logger.warning("%s It has no effect.", what)


class ConfigNormalization(ConfigTransformation):
    """Normalizes a config in place, and adds `base_url` and `sync_end` for the manifest. Fields that are empty, private
    or unknown are removed, so that defaults apply."""

    def transform(self, config: MutableMapping[str, Any]) -> None:
        """Idempotent. Raises ConnectorError for the first invalid field."""
        for name in [name for name in config if name not in SPECIFICATION["properties"] and name not in DERIVED]:
            value = config.pop(name)
            if not name.startswith(PRIVATE):
                _warn_of_unknown(name, value, config)
        for field, own in SPECIFICATION["properties"].items():
            value = _coerced(own["type"], config.pop(field, None))
            if value is not None and not Draft201909Validator(own).is_valid(value):
                refuse(field, f"must be {_expected(own, value)}")
            if value is not None:
                config[field] = value
            elif field in SPECIFICATION["required"]:
                example = f", for example {json.dumps(own['examples'][0])}" if "examples" in own else ""
                refuse(field, f"must be given{example}")
        config["host"] = config["base_url"] = base_url(config["host"])
        config["bot_ids"] = list(dict.fromkeys(config["bot_ids"]))
        try:
            signing_key(config["client_secret"], config.get("jwt_algorithm") or "HS256")
        except ValueError as error:
            refuse("client_secret", str(error))
        self._set_period(config)

    @staticmethod
    def _set_period(config: MutableMapping[str, Any]) -> None:
        start, end = _date_of(config, "start_date"), now() - SETTLING_DELAY
        if start > end:
            refuse("start_date", "lies in the future: choose a moment that has passed")
        if "end_date" in config:
            closed = _date_of(config, "end_date")
            if closed <= start:
                refuse("start_date", f"must be before {named('end_date')}")
            end = min(end, closed - timedelta(milliseconds=1))
        config["start_date"], config["sync_end"] = to_iso(start), to_iso(end)


def _date_of(config: Mapping[str, Any], field: str) -> datetime:
    try:
        return parse_config_date(config[field])
    except ValueError:
        refuse(field, "is not a date of the calendar")
