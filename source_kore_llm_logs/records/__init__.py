"""One row of the API becomes one record. What is known of columns, of providers' payloads, and to be nobody's words
stands in tables, in YAML files beside the code."""

from pathlib import Path
from typing import Any

from airbyte_cdk.utils.yaml_loader import safe_load_yaml


def table(name: str) -> Any:
    """What `NAME.yaml` holds."""
    return safe_load_yaml(Path(__file__).with_name(f"{name}.yaml").read_bytes())
