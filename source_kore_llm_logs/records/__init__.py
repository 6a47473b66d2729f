"""Converts one row of the API into one record. The YAML files hold what is known of rows and of providers."""

from functools import cache
from pathlib import Path
from typing import Any

from airbyte_cdk.utils.yaml_loader import safe_load_yaml


@cache
def table(name: str) -> Any:
    """The content of `<name>.yaml`. Raises FileNotFoundError if the file was not installed."""
    return safe_load_yaml(Path(__file__).with_name(f"{name}.yaml").read_bytes())
