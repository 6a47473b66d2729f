"""The JSON documents that the command line names. Each is read once, so that a pipe (`--config <(…)`) will do."""

import json
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
)

from source_kore_llm_logs.errors import Fault


def read_json(name: str, path: str) -> Any:
    """The document at a path, given by the option `--name`: UTF-8, -16 or -32, with or without a byte-order mark.

    Blocks until a pipe is closed at its other end. Raises Fault (config error).
    """
    file = f"The file given by --{name}"
    try:
        data = Path(path).read_bytes()
        if not data.strip():
            raise Fault(f"{file} is empty.")
        document = json.loads(data)
        json.dumps(document, ensure_ascii=False).encode()
        return document
    except FileNotFoundError:
        raise Fault(f"{file} does not exist.") from None
    except OSError as error:
        raise Fault(f"{file} cannot be read: {(error.strerror or type(error).__name__).lower()}.") from None
    except json.JSONDecodeError as error:
        raise Fault(f"{file} is not JSON: line {error.lineno}, column {error.colno}.") from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # Bad UTF-8, half of a surrogate pair, thousands of digits or brackets.
        raise Fault(f"{file} is not JSON that can be read ({type(error).__name__}).") from None


def read_config(path: str) -> dict[str, Any]:
    """Raises Fault (config error)."""
    document = read_json("config", path)
    if not isinstance(document, dict) or not document:
        raise Fault("The file given by --config must hold a JSON object with the fields of the configuration.")
    return document


def read_catalog(path: str) -> ConfiguredAirbyteCatalog:
    """Raises Fault (config error)."""
    document = read_json("catalog", path)
    try:
        return ConfiguredAirbyteCatalogSerializer.load(document)
    except Exception:  # The serializer raises many kinds.
        raise Fault(
            "The file given by --catalog is not a configured catalog: it must hold `streams`, each with a `stream` as "
            "discover prints it, its `sync_mode` and its `destination_sync_mode`."
        ) from None


def read_state(path: str | None) -> list[AirbyteStateMessage]:
    """Raises Fault (config error)."""
    document = read_json("state", path) if path else None
    try:
        states = [AirbyteStateMessageSerializer.load(state) for state in document or []]
        if isinstance(document or [], list) and all(state.stream or state.global_ or state.data for state in states):
            for state in states:
                if state.global_:
                    state.global_.shared_state = None  # The CDK takes none.
            return states
    except Exception:  # The serializer raises many kinds.
        pass
    raise Fault(
        "The file given by --state is not a list of state messages: it must hold [ and ] around the `state` of the "
        "last STATE message."
    )
