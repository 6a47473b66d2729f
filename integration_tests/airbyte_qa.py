"""Airbyte's packaged QA checks on this connector. Fails on every failure that is not explained here.

It runs in an environment of its own (`make qa`), in a copy that is laid out like Airbyte's repository. Where the
machine reaches no network, a check that asks one is run as for a connector that was never published, and says so.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests

NAME = "source-kore-llm-logs"
ROOT = Path(__file__).parents[1]
PAGE = "https://docs.airbyte.com/integrations/sources/kore-llm-logs"
EXPLAINED = {
    "CheckConnectorUsesPythonBaseImage": (
        r"Dockerfile file exists\..*",
        "Airbyte builds from a Dockerfile of its own; this one is for those who build the image themselves. "
        "The base image is named in metadata.yaml all the same.",
    )
}


@contextmanager
def laid_out() -> Iterator[Path]:
    """A copy of the connector where Airbyte's repository would have it, with the address that its page would have."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "airbyte"
        connector = repository / "airbyte-integrations" / "connectors" / NAME
        ignored = shutil.ignore_patterns(".*", "build", "dist", "secrets", "__pycache__")
        shutil.copytree(ROOT, connector, ignore=ignored)
        metadata = (connector / "metadata.yaml").read_text()
        metadata, replaced = re.subn(r"(?<=documentationUrl: ).*", PAGE, metadata)
        assert replaced == 1, "metadata.yaml names one documentation page"
        (connector / "metadata.yaml").write_text(metadata)
        shutil.copytree(ROOT / "docs", repository / "docs")
        subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
        remote = ["remote", "add", "origin", "https://github.com/airbytehq/airbyte.git"]
        subprocess.run(["git", "-C", str(repository), *remote], check=True)
        yield repository


def never_published(url: str, **_: Any) -> requests.Response:
    """What the registries answer for a connector that is not in them."""
    response = requests.Response()
    response.url, response.status_code, response._content = url, 404, b""
    if "connectors.airbyte.com" in url:
        response.status_code, response._content = 200, b'{"sources": [], "destinations": []}'
    return response


def result_of(check: Any, connector: Any) -> tuple[Any, bool]:
    """The result, and whether the network was reached wherever it was asked."""
    try:
        return check.run(connector), True
    except requests.ConnectionError:
        validator = "airbyte_ops_mcp.metadata_validator"
        with (
            patch("requests.get", never_published),
            patch(f"{validator}.is_image_on_docker_hub", return_value=True),
            patch(f"{validator}.get_latest_version_on_dockerhub", return_value=None),
        ):
            return check.run(connector), False


def main() -> None:
    with laid_out() as repository:
        os.chdir(repository)
        from airbyte_ops_mcp.connector_ops.utils import Connector
        from airbyte_ops_mcp.connector_qa.checks import ENABLED_CHECKS

        wrong, unused = 0, dict(EXPLAINED)
        for check in ENABLED_CHECKS:
            with redirect_stdout(io.StringIO()):
                result, online = result_of(check, Connector(NAME))
            name, status, message = type(check).__name__, result.status.name, " ".join(result.message.split())
            pattern, why = EXPLAINED.get(name, ("", ""))
            if status == "FAILED" and why and re.fullmatch(pattern, message):
                status, message = "EXPLAINED", f"{message}\n           {why}"
                unused.pop(name)
            wrong += status == "FAILED"
            print(f"{status:10} {check.name}" + ("" if online else " (no network: as if never published)"))
            if status in ("FAILED", "EXPLAINED"):
                print(f"           {message}")
    for name in unused:
        print(f"FAILED     The explanation of {name} is no longer needed: delete it")
    sys.exit(1 if wrong or unused else 0)


if __name__ == "__main__":
    main()
