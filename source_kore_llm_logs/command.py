"""One command of the Airbyte protocol: `spec`, `check`, `discover` or `read`, its messages on stdout."""

import logging
import os
import signal
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from typing import Any, NoReturn

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import init_logger
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    Status,
    Type,
)
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.components.config_normalization import ExactConfiguration
from source_kore_llm_logs.runtime import log_filter, signals
from source_kore_llm_logs.runtime.documents import Documents, read_documents
from source_kore_llm_logs.runtime.output import RECORD, Stdout, tell
from source_kore_llm_logs.runtime.unforeseen import unforeseen
from source_kore_llm_logs.source import SourceKoreLlmLogs

logger = init_logger("airbyte")

USAGE = 2
"""The status after a wrong command line, as the parser has it."""
SECONDS_BETWEEN_COUNTS = 10.0


class SourceOfDocuments(SourceKoreLlmLogs):
    """The source for documents that were read already: the CDK's entry point asks it for them by their paths."""

    def __init__(self, documents: Documents):
        super().__init__(config=documents.config, catalog=documents.catalog, state=documents.state)
        self._documents = documents

    def read_config(self, config_path: str) -> Any:  # type: ignore[override]
        return self._documents.config

    def read_catalog(self, catalog_path: str) -> ConfiguredAirbyteCatalog:  # type: ignore[override]
        assert self._documents.catalog is not None
        return self._documents.catalog

    def read_state(self, state_path: str) -> list[AirbyteStateMessage]:  # type: ignore[override]
        return self._documents.state or []

    @staticmethod
    def write_config(config: Mapping[str, Any], config_path: str) -> None:
        """Writes nothing: the CDK would put the secret into a file, which a killed process leaves behind."""


def run_command(arguments: list[str], stdout: Stdout, to_files: bool = False) -> NoReturn:
    """Runs one command and ends the process with its status; no thread is waited for.

    The sentence of a failure goes to stderr, too. So does the log where nobody else shows it: all of it at a terminal
    whose messages go into a file, and `to_files`, where there are no messages, its warnings at least.
    """
    is_watched = os.isatty(2) and (to_files or stat.S_ISREG(os.fstat(1).st_mode))
    log_filter.install(stdout, logging.INFO if is_watched else logging.WARNING if to_files else None)

    def last_words(number: signal.Signals) -> None:
        logger.warning("Ended by %s. The next sync goes on from the last STATE message.", number.name)
        stdout.finish()

    signals.before_end(last_words)
    try:
        status = _run(arguments, stdout, is_watched)
    except SystemExit as end:  # The parser of the command line has said why.
        status = end.code if isinstance(end.code, int) else 1
    stdout.finish()
    signals.end(status)


def _run(arguments: list[str], stdout: Stdout, is_watched: bool) -> int:
    """The exit status. Raises SystemExit for a wrong command line."""
    parsed = AirbyteEntrypoint.parse_args(arguments)
    if not parsed.command:
        with redirect_stdout(sys.stderr), suppress(SystemExit):
            AirbyteEntrypoint.parse_args(["--help"])
        return USAGE
    failed = False
    try:
        documents = read_documents(parsed)
        if documents.config:
            secret = str(documents.config.get("client_secret", ""))
            update_secrets([found for found in (secret, secret.strip()) if found.strip()])
            ExactConfiguration().transform(documents.config)  # Once: it tells of what has no effect.
        lines = AirbyteEntrypoint(SourceOfDocuments(documents)).run(parsed)
        for line in _counted(lines) if is_watched else lines:
            stdout.write_line(line)
            if parsed.command == "check" and (failure := _failure_in(line)) is not None:
                failed = True
                tell(failure)
        return int(failed)
    except Exception as error:
        if isinstance(error, AirbyteTracedException) and error.message is not None:
            fault = error
        else:
            logger.error("", exc_info=error)
            fault = unforeseen(error)
        stdout.write_line(orjson.dumps(AirbyteMessageSerializer.dump(_told(fault, parsed.command))).decode())
        tell(filter_secrets(fault.message or ""))
        return 1


def _counted(lines: Iterable[str]) -> Iterator[str]:
    """The lines; every few seconds, stderr tells how many of them were records so far."""
    records, told = 0, time.monotonic()
    for line in lines:
        yield line
        records += line.startswith(RECORD)
        if time.monotonic() - told >= SECONDS_BETWEEN_COUNTS:
            told = time.monotonic()
            tell(f"{records:,} records so far.")


def _told(fault: AirbyteTracedException, command: str) -> AirbyteMessage:
    """The failed status of a `check`; an ERROR trace of any other command."""
    if command == "check":
        status = AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(fault.message or ""))
        return AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
    message = fault.as_sanitized_airbyte_message()
    if message.trace and message.trace.error:
        message.trace.error.stack_trace = None
    return message


def _failure_in(line: str) -> str | None:
    """The sentence of a check that failed, if the line is its status."""
    status = orjson.loads(line).get("connectionStatus") or {}
    return str(status.get("message") or "") if status.get("status") == "FAILED" else None
