"""A check or a sync through the source object: the messages of the command line, without the start of a process."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread
from typing import Any
from unittest.mock import patch

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
    Status,
    Type,
)
from airbyte_cdk.models.airbyte_protocol_serializers import AirbyteStateMessageSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from integration_tests import manifest_schema  # noqa: F401 (for what its import does)
from integration_tests.command import CATALOG, Outcome
from source_kore_llm_logs import SourceKoreLlmLogs


@contextmanager
def without_waits(waits: list[float] | None = None) -> Iterator[None]:
    """Workers do not wait between the tries of a request: the seconds are noted in `waits` instead."""
    sleep = time.sleep

    def sleep_outside_of_workers(seconds: float) -> None:
        if not current_thread().name.startswith(("workerpool", "ThreadPool")):
            sleep(seconds)
        elif seconds and waits is not None:
            waits.append(seconds)

    with patch.object(time, "sleep", sleep_outside_of_workers):
        yield


@contextmanager
def logged_into(messages: list[dict[str, Any]]) -> Iterator[None]:
    """What is logged becomes LOG messages, as on the command line."""
    handler, logger = logging.Handler(), logging.getLogger("airbyte")
    handler.emit = lambda line: messages.append({"type": "LOG", "log": {"message": line.getMessage()}})  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def check(config: dict[str, Any]) -> Outcome:
    """Code 1 where it failed; raises whatever is not told in the status or by a sentence of its own."""
    with without_waits():
        status = SourceKoreLlmLogs().check(logging.getLogger("airbyte"), config)
    message = AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
    return Outcome(int(status.status is Status.FAILED), [AirbyteMessageSerializer.dump(message)], "", "")


def sync(config: dict[str, Any], state: Any = None, waits: list[float] | None = None) -> Outcome:
    """One incremental sync, without waits. Code 1 where it failed; raises whatever has no sentence of its own."""
    states = [AirbyteStateMessageSerializer.load(one) for one in state] if state else None
    catalog = ConfiguredAirbyteCatalogSerializer.load(CATALOG)
    messages, code = list[dict[str, Any]](), 0
    with without_waits(waits), logged_into(messages):
        try:
            for message in SourceKoreLlmLogs().read(logging.getLogger("airbyte"), config, catalog, states):
                if message.type is Type.RECORD and message.record:
                    messages.append({"type": "RECORD", "record": {"data": message.record.data}})
                else:
                    messages.append(AirbyteMessageSerializer.dump(message))
        except AirbyteTracedException as fault:
            message = AirbyteMessageSerializer.dump(fault.as_airbyte_message())
            message["trace"]["error"].pop("stack_trace", None)  # As on the command line.
            messages.append(message)
            code = 1
    return Outcome(code, messages, "", "")
