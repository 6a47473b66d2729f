"""`manifest.yaml` as Python reads it, and the fields of the configuration that it specifies."""

import copy
import pkgutil
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.utils.yaml_loader import safe_load_yaml

MANIFEST: Mapping[str, Any] = safe_load_yaml(pkgutil.get_data("source_kore_llm_logs", "manifest.yaml") or b"")
SPECIFICATION: Mapping[str, Any] = MANIFEST["spec"]["connection_specification"]  # The schema of the configuration.


def manifest(**parameters: Any) -> dict[str, Any]:
    """A copy of the manifest, of which each component is given these `parameters`."""
    own = copy.deepcopy(dict(MANIFEST))
    for stream in own["streams"]:
        stream["$parameters"] = parameters
    return own


def named(field: str) -> str:
    """A field as the form shows it and as a config file spells it, for example "Bot IDs (`bot_ids`)"."""
    return f"{SPECIFICATION['properties'][field]['title']} (`{field}`)"
