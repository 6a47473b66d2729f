"""Runs one command of the Airbyte protocol: `spec`, `check`, `discover` or `read`."""

import logging
import os
import signal
import stat
import time
from collections.abc import Iterable, Iterator
from typing import NoReturn

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import init_logger
from airbyte_cdk.models import AirbyteConnectionStatus, AirbyteMessage, AirbyteMessageSerializer, Status, Type
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.runtime import log_filter, signals
from source_kore_llm_logs.runtime.error_report import unexpected_error
from source_kore_llm_logs.runtime.output import RECORD, Stdout, to_stderr
from source_kore_llm_logs.source import SourceKoreLlmLogs

logger = init_logger("airbyte")

SECONDS_BETWEEN_COUNTS = 10.0


def run_command(arguments: list[str], stdout: Stdout, to_files: bool = False) -> NoReturn:
    """Runs one command, then ends the process without waiting for its threads.

    A failure is also printed on stderr; so is the log, at a terminal whose messages go into a file. `to_files`, which
    has no messages, always prints the log's warnings."""
    is_watched = os.isatty(2) and (to_files or stat.S_ISREG(os.fstat(1).st_mode))
    log_filter.install(stdout, logging.INFO if is_watched else logging.WARNING if to_files else None)

    def before_end(number: signal.Signals) -> None:
        logger.warning("Ended by %s. The next sync goes on from the last STATE message.", number.name)
        stdout.finish()

    signals.before_end(before_end)
    try:
        status = _run(arguments, stdout, is_watched)
    except SystemExit as end:  # argparse has printed the reason.
        status = end.code if isinstance(end.code, int) else 1
    stdout.finish()
    signals.end(status)


def _run(arguments: list[str], stdout: Stdout, is_watched: bool) -> int:
    """Runs one command and returns its exit status. Raises SystemExit for a wrong command line."""
    parsed = AirbyteEntrypoint.parse_args(arguments or ["nothing"])
    status = 0
    try:
        lines = AirbyteEntrypoint(SourceKoreLlmLogs()).run(parsed)
        for line in _counted(lines) if is_watched else lines:
            stdout.write_line(line)
            if parsed.command == "check" and '"status":"FAILED"' in line:
                status = 1
                to_stderr(orjson.loads(line)["connectionStatus"]["message"])
    except Exception as error:
        traced = error if isinstance(error, AirbyteTracedException) else unexpected_error(error)
        message = AirbyteMessageSerializer.dump(_failure_message(traced, parsed.command))
        stdout.write_line(orjson.dumps(message).decode())
        to_stderr(filter_secrets(str(traced)))
        status = 1
    return status


def _counted(lines: Iterable[str]) -> Iterator[str]:
    """The lines, while every few seconds the number of records so far is printed on stderr."""
    records, counted_at = 0, time.monotonic()
    for line in lines:
        yield line
        records += line.startswith(RECORD)
        if time.monotonic() - counted_at >= SECONDS_BETWEEN_COUNTS:
            counted_at = time.monotonic()
            to_stderr(f"{records:,} records so far.")


def _failure_message(error: AirbyteTracedException, command: str) -> AirbyteMessage:
    """The message of a failure: a failed status for `check`, else an ERROR trace without a stack trace."""
    if command == "check":
        status = AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(str(error)))
        return AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
    message = error.as_sanitized_airbyte_message()
    if message.trace and message.trace.error:
        message.trace.error.stack_trace = None
    return message
