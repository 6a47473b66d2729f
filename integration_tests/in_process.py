"""One sync through the source object: the messages of the command line, without the start of a process."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, TraceType, Type
from airbyte_cdk.models.airbyte_protocol_serializers import AirbyteStateMessageSerializer
from airbyte_cdk.sources.streams.http import rate_limiting

from integration_tests import manifest_schema  # noqa: F401 (for what its import does)
from integration_tests.command import CATALOG
from integration_tests.kore_emulator import RequestSeen
from source_kore_llm_logs import SourceKoreLlmLogs

UNLIMITED = {"requests_per_minute": 100_000, "requests_per_hour": 1_000_000}
"""A config that never waits for a limit of its own."""


@dataclass
class Synced:
    """What one sync emitted. `failure` is what it told of its end, or None where it ended well."""

    records: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    failure: str | None = None
    records_before_first_state: int | None = None

    @property
    def ids(self) -> Counter[str]:
        return Counter(record["id"] for record in self.records)

    def rows(self, bot_id: str) -> Counter[str]:
        """How often each row of a bot was emitted, by its description, which tests make unique."""
        return Counter(record["description"] for record in self.records if record["bot_id"] == bot_id)

    def cursor(self, bot_id: str) -> str | None:
        """How far the last STATE says that a bot was read."""
        if not self.states:
            return None
        states = self.states[-1]["stream"]["stream_state"].get("states", [])
        return next((one["cursor"]["end_date"] for one in states if one["partition"]["bot_id"] == bot_id), None)


@patch.object(rate_limiting, "time", SimpleNamespace(sleep=lambda _: None))
def sync(config: dict[str, Any], state: list[dict[str, Any]] | None = None) -> Synced:
    """One incremental sync, without waits between the tries of a request; a failure is told and not raised."""
    messages = [AirbyteStateMessageSerializer.load(one) for one in state] if state else None
    catalog = ConfiguredAirbyteCatalogSerializer.load(CATALOG)
    synced, told = Synced(), []
    logging.getLogger("airbyte").setLevel(logging.ERROR)  # Nobody reads it here.
    try:
        source = SourceKoreLlmLogs(catalog=catalog, config=config, state=messages)
        for message in source.read(logging.getLogger("airbyte"), config, catalog, messages):
            if message.type is Type.RECORD and message.record:
                synced.records.append(message.record.data)
            elif message.type is Type.STATE and message.state:
                synced.states.append(AirbyteStateMessageSerializer.dump(message.state))
                if synced.records_before_first_state is None:
                    synced.records_before_first_state = len(synced.records)
            elif message.type is Type.TRACE and message.trace and message.trace.type is TraceType.ERROR:
                told.append(message.trace.error.message if message.trace.error else "")
    except Exception as error:
        synced.failure = "\n".join([*told, str(error)])
    return synced


def assert_no_request_spans_more_than_90_days(requests: Iterable[RequestSeen]) -> None:
    """Neither in time nor in calendar days, whichever the server counts."""
    for seen in requests:
        first, last = (datetime.fromisoformat(seen.body[key].replace("Z", "+00:00")) for key in ("dateFrom", "dateTo"))
        assert last - first <= timedelta(days=90), seen.body
        assert (date.fromisoformat(seen.body["dateTo"][:10]) - first.date()).days + 1 <= 90, seen.body
