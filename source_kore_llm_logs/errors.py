"""What went wrong, each in one sentence that a person can read: the name of the field or the bot, and what to do."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from airbyte_cdk.utils.yaml_loader import safe_load_yaml


class Fault(AirbyteTracedException):
    """Something that a person can read in one sentence, and that needs no stack trace."""

    def __init__(self, message: str, failure_type: FailureType = FailureType.config_error):
        super().__init__(message=message, internal_message=message, failure_type=failure_type)
        self.message: str = message


class RequestRefused(Fault):
    """The API refused the arguments (412, or another 4xx of the kind); `words` are the vendor's."""

    def __init__(self, bot_id: str, status: int, words: str):
        self.words = words
        filters = ("channels", "feature_names", "task_id", "user_ids", "channel_user_ids")
        super().__init__(
            message=f"Bot {bot_id}: the API refused the request with status {status}: {words}. "
            f"Check the filters of the configuration: {', '.join(map(named, filters))}. If this is about dates, "
            f"Kore.ai may not keep logs since {named('start_date')}: enter a later one."
        )


class PageTooLarge(Fault):
    """The API cannot make a page of this size (413, or it times out at it)."""


class RetriesExhausted(Fault):
    """A fault that did not go away."""


class HostUnreachable(RetriesExhausted):
    """No connection to the host: no other bot need be tried."""


@cache
def specification() -> Mapping[str, Any]:
    """The JSON schema of the configuration, as `manifest.yaml` holds it."""
    manifest = safe_load_yaml(pkgutil.get_data("source_kore_llm_logs", "manifest.yaml") or b"")
    schema: Mapping[str, Any] = manifest["spec"]["connection_specification"]
    return schema


def named(field: str) -> str:
    """A field as the form shows it and as a config file spells it, for example "Bot IDs (`bot_ids`)"."""
    return f"{specification()['properties'][field]['title']} (`{field}`)"
