"""The JSON documents that the command line names: config, catalog and state.

Each is read exactly once, so that a pipe (`--config <(…)`, /dev/stdin) will do. The CDK would read the path again.
"""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from airbyte_cdk.models import (
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
)

from source_kore_llm_logs.errors import Fault

T = TypeVar("T")


class Documents(NamedTuple):
    """What the command was given; None where the command takes no such document, or it was not named."""

    config: dict[str, Any] | None
    catalog: ConfiguredAirbyteCatalog | None
    state: list[AirbyteStateMessage] | None


def read_documents(arguments: Namespace) -> Documents:
    """The documents that the arguments name. Raises Fault (config error) for one that cannot be used.

    Blocks until a pipe is closed at its other end.
    """

    def document(name: str, load: Callable[[Any], T]) -> T | None:
        path = getattr(arguments, name, None)
        return None if path is None else load(read_json(name, path))

    return Documents(document("config", _config), document("catalog", _catalog), document("state", _state))


def read_json(name: str, path: str) -> Any:
    """The document at a path, given by the option `--name`. Raises Fault (config error)."""
    file = f"The file given by --{name}"
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise Fault(f"{file} does not exist.") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path.
        reason = (getattr(error, "strerror", None) or "its path is not valid").lower()
        raise Fault(f"{file} cannot be read: {reason}.") from None
    if not data.strip():
        raise Fault(f"{file} is empty.")
    try:
        document = json.loads(data)  # UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise Fault(f"{file} is not UTF-8.") from None
    except UnicodeEncodeError:
        raise Fault(f"{file} holds half of a surrogate pair (\\ud800 to \\udfff), which is no character.") from None
    except json.JSONDecodeError as error:
        raise Fault(f"{file} is not JSON: line {error.lineno}, column {error.colno}.") from None
    except (ValueError, RecursionError):  # A number of thousands of digits, thousands of brackets.
        raise Fault(f"{file} is not JSON that can be read: it holds too long a number or too many levels.") from None
    return document


def _config(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or not document:
        raise Fault("The file given by --config must hold a JSON object with the fields of the configuration.")
    # With two underscores begin the options by which the CDK and its tools inject code and manifests.
    return {name: value for name, value in document.items() if not name.startswith("__")}


def _catalog(document: Any) -> ConfiguredAirbyteCatalog:
    try:
        return ConfiguredAirbyteCatalogSerializer.load(document)
    except Exception:  # The serializer raises many kinds.
        raise Fault(
            "The file given by --catalog is not a configured catalog: it must hold `streams`, each with a `stream` as "
            "discover prints it, its `sync_mode` and its `destination_sync_mode`."
        ) from None


def _state(document: Any) -> list[AirbyteStateMessage]:
    fault = Fault(
        "The file given by --state is not a list of state messages: it must hold [ and ] around the `state` of the "
        "last STATE message."
    )
    if not document:
        return []
    if not isinstance(document, list):
        raise fault
    try:
        states = [AirbyteStateMessageSerializer.load(state) for state in document]
    except Exception:  # The serializer raises many kinds.
        raise fault from None
    if not all(state.stream or state.global_ or state.data for state in states):
        raise fault
    for state in states:
        if state.global_:
            state.global_.shared_state = None  # The CDK takes none, and what each stream has reached is all there is.
    return states
