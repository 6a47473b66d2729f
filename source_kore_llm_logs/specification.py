"""The fields of the configuration as `manifest.yaml` specifies them."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from airbyte_cdk.utils.yaml_loader import safe_load_yaml


@cache
def specification() -> Mapping[str, Any]:
    """The JSON schema of the configuration."""
    manifest = safe_load_yaml(pkgutil.get_data("source_kore_llm_logs", "manifest.yaml") or b"")
    schema: Mapping[str, Any] = manifest["spec"]["connection_specification"]
    return schema


def named(field: str) -> str:
    """A field as the form shows it and as a config file spells it, for example "Bot IDs (`bot_ids`)"."""
    return f"{specification()['properties'][field]['title']} (`{field}`)"
