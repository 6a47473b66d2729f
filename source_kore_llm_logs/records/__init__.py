"""One row of the API becomes one record. What is known stands in tables: the YAML files beside the code."""

from functools import cache
from pathlib import Path
from typing import Any

from airbyte_cdk.utils.yaml_loader import safe_load_yaml


@cache
def table(name: str) -> Any:
    """What `<name>.yaml` holds. Raises FileNotFoundError if it was not installed."""
    return safe_load_yaml(Path(__file__).with_name(f"{name}.yaml").read_bytes())
