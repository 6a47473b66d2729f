"""The content of `manifest.yaml`, and the configuration fields that it specifies."""

import copy
import pkgutil
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.utils.yaml_loader import safe_load_yaml

MANIFEST: Mapping[str, Any] = safe_load_yaml(pkgutil.get_data("source_kore_llm_logs", "manifest.yaml") or b"")
SPECIFICATION: Mapping[str, Any] = MANIFEST["spec"]["connection_specification"]  # The schema of the configuration.


def manifest(**parameters: Any) -> dict[str, Any]:
    """A copy of the manifest in which every component of the stream gets these `$parameters`."""
    copied = copy.deepcopy(dict(MANIFEST))
    for stream in copied["streams"]:
        stream["$parameters"] = parameters
    return copied


def named(field: str) -> str:
    """A field by its title and its key, for example "Bot IDs (`bot_ids`)"."""
    return f"{SPECIFICATION['properties'][field]['title']} (`{field}`)"
