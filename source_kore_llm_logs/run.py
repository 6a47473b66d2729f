"""The command line `source-kore-llm-logs spec | check | discover | read`: the Airbyte protocol on stdout."""

import logging
import os
import signal
import sys
from pathlib import Path
from threading import Thread

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER, init_logger
from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.runtime.log_filter import install
from source_kore_llm_logs.runtime.memory import give_back_what_is_freed
from source_kore_llm_logs.runtime.stdout import Stdout
from source_kore_llm_logs.source import SourceKoreLlmLogs


def _source(arguments: list[str]) -> SourceKoreLlmLogs:
    """The source for the files that the arguments name. Raises a config error for a file that cannot be read."""
    parsed = AirbyteEntrypoint.parse_args(arguments)
    files = {name: getattr(parsed, name, None) for name in ("config", "catalog", "state")}
    for name, path in files.items():
        if path and not Path(path).is_file():
            raise Fault(f"The file given by --{name} does not exist.")
    try:
        config = SourceKoreLlmLogs.read_config(files["config"]) if files["config"] else None
    except ValueError:
        raise Fault("The file given by --config is not JSON.") from None
    if config is not None and not isinstance(config, dict):
        raise Fault("The file given by --config must hold a JSON object.")
    try:
        catalog = SourceKoreLlmLogs.read_catalog(files["catalog"]) if files["catalog"] else None
    except Exception:
        raise Fault("The file given by --catalog is not a configured catalog.") from None
    try:
        state = SourceKoreLlmLogs.read_state(files["state"]) if files["state"] else None
    except Exception:
        raise Fault("The file given by --state is not a list of state messages.") from None
    return SourceKoreLlmLogs(catalog=catalog, config=config, state=state)


def _end_when_told(logger: logging.Logger) -> None:
    """Ends the process within a moment of SIGTERM or SIGINT, after a whole line, with 128 + the signal's number.

    A thread waits for the signal: process 1 of a container has no default action for SIGTERM, and an exception in
    the main thread would wait for every worker, which may wait for the API's rate limit. All output is written in
    whole lines under PRINT_BUFFER's lock, so nothing is cut while it is held.
    """
    if sys.platform == "win32":
        return
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # every later thread inherits this

    def wait() -> None:
        told = signal.Signals(signal.sigwait(signals))
        logger.warning("Ended by %s. The next sync goes on from the last STATE message.", told.name)
        with PRINT_BUFFER.lock:
            PRINT_BUFFER.flush()
            os._exit(128 + told)

    Thread(target=wait, name="signals", daemon=True).start()


def run(arguments: list[str] | None = None) -> None:
    """Runs one protocol command. Exits with 1 after any failure, a failed `check` included."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logger = init_logger("airbyte")
    _end_when_told(logger)
    init_uncaught_exception_handler(logger)
    install()
    give_back_what_is_freed()
    is_check = arguments[:1] == ["check"]
    try:
        entrypoint = AirbyteEntrypoint(_source(arguments))
        failed = False
        with PRINT_BUFFER, Stdout() as stdout:  # What anything else prints joins the log's lines.
            for line in entrypoint.run(AirbyteEntrypoint.parse_args(arguments)):
                stdout.write(line)
                failed |= is_check and _tells_of_failure(line)
        if failed:
            sys.exit(1)
    except AirbyteTracedException as error:
        if is_check:
            status = error.as_connection_status_message()
            if status:
                _print(status)
        else:
            trace = error.as_sanitized_airbyte_message()
            if isinstance(error, Fault) and trace.trace and trace.trace.error:
                trace.trace.error.stack_trace = None
            _print(trace)
        sys.exit(1)


def _print(message: AirbyteMessage) -> None:
    Stdout().write(orjson.dumps(AirbyteMessageSerializer.dump(message)).decode())


def _tells_of_failure(line: str) -> bool:
    status = orjson.loads(line).get("connectionStatus") or {}
    return bool(status.get("status") == "FAILED")
