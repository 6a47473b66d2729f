"""The command line `source-kore-llm-logs spec | check | discover | read`: the Airbyte protocol on stdout."""

import sys
from pathlib import Path

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import init_logger
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteMessageSerializer,
    Type,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.components.errors import Fault
from source_kore_llm_logs.components.sentences import install
from source_kore_llm_logs.memory import give_back_what_is_freed
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


def _print(message: AirbyteMessage) -> None:
    print(orjson.dumps(AirbyteMessageSerializer.dump(message)).decode(), flush=True)


def run(arguments: list[str] | None = None) -> None:
    """Runs one protocol command. Exits with 1 after any failure, a failed `check` included."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logger = init_logger("airbyte")
    init_uncaught_exception_handler(logger)
    install()
    give_back_what_is_freed()
    is_check = arguments[:1] == ["check"]
    try:
        source = _source(arguments)
        if is_check:
            _check(source, arguments)
        else:
            launch(source, arguments)
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


def _check(source: SourceKoreLlmLogs, arguments: list[str]) -> None:
    failed = False
    entrypoint = AirbyteEntrypoint(source)
    for line in entrypoint.run(AirbyteEntrypoint.parse_args(arguments)):
        print(line, flush=True)
        message = orjson.loads(line)
        if message.get("type") == Type.CONNECTION_STATUS.value:
            failed = failed or message["connectionStatus"]["status"] == "FAILED"
    if failed:
        sys.exit(1)
