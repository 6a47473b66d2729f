"""The JSON files of the command line. Each is read only once, so it may be a pipe (`--config <(…)`)."""

import json
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

from source_kore_llm_logs.errors import ConnectorError


def read_json(name: str, path: str) -> Any:
    """The content of the file given by the option `--name`, in UTF-8, -16 or -32, with or without a byte-order mark.
    Blocks until a pipe is closed at its other end. Raises ConnectorError (config error)."""
    file = f"The file given by --{name}"
    try:
        data = Path(path).read_bytes()
        if not data.strip():
            raise ConnectorError(f"{file} is empty.")
        document = json.loads(data)
        json.dumps(document, ensure_ascii=False).encode()
        return document
    except FileNotFoundError:
        raise ConnectorError(f"{file} does not exist.") from None
    except OSError as error:
        raise ConnectorError(f"{file} cannot be read: {(error.strerror or type(error).__name__).lower()}.") from None
    except json.JSONDecodeError as error:
        raise ConnectorError(f"{file} is not JSON: line {error.lineno}, column {error.colno}.") from None
    except (ValueError, RecursionError):
        what = "it is not UTF-8, or holds half of a surrogate pair, too long a number or too many levels"
        raise ConnectorError(f"{file} is not JSON that can be read: {what}.") from None


class FileInputSource(Source):
    """Reads config, catalog and state from files. Raises ConnectorError (config error)."""

    def read_config(self, config_path: str) -> dict[str, Any]:  # type: ignore[override]
        document = read_json("config", config_path)
        if not isinstance(document, dict) or not document:
            what = "The file given by --config must hold a JSON object with the fields of the configuration."
            raise ConnectorError(what)
        secret = str(document.get("client_secret", "")).strip()
        update_secrets([secret] if secret else [])  # From here on the log masks it.
        return document

    def read_catalog(self, catalog_path: str) -> ConfiguredAirbyteCatalog:  # type: ignore[override]
        document = read_json("catalog", catalog_path)
        try:
            return ConfiguredAirbyteCatalogSerializer.load(document)
        except Exception:  # The serializer raises many types.
            raise ConnectorError(
                "The file given by --catalog is not a configured catalog: it must hold `streams`, each with a `stream` "
                "as discover prints it, its `sync_mode` and its `destination_sync_mode`."
            ) from None

    def read_state(self, state_path: str | None) -> list[AirbyteStateMessage]:  # type: ignore[override]
        document = (read_json("state", state_path) if state_path else None) or []
        try:
            states = [AirbyteStateMessageSerializer.load(state) for state in document]
            if not isinstance(document, list) or not all(one.stream or one.global_ or one.data for one in states):
                raise ValueError
        except Exception:  # The serializer raises many types.
            raise ConnectorError(
                "The file given by --state is not a list of state messages: it must hold [ and ] around the `state` of "
                "the last STATE message."
            ) from None
        for state in states:
            if state.global_:
                state.global_.shared_state = None  # The CDK refuses one.
        return states
