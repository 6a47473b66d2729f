"""What the CDK's standard tests and the image's tests need: an image, and configs that lead to the emulator."""

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent
BUILD = ROOT / "integration_tests" / "image" / "build.sh"

# The standard tests look for the command `docker` when they are imported. This one leads to whatever engine there is.
os.environ["PATH"] = os.pathsep.join([str(BUILD.parent / "bin"), os.environ["PATH"]])
# A slow machine is no fault of the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait for long come first, so that the others run meanwhile and none of them is left for the end."""
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)


@pytest.fixture(scope="session")
def image() -> str:
    """The name of the image, built from this folder. Skips, with the reason, where it cannot be built."""
    built = subprocess.run([BUILD], capture_output=True, text=True, check=False)
    if built.returncode == 77:
        pytest.skip(built.stderr.splitlines()[-1])
    if built.returncode != 0:
        pytest.fail(f"{BUILD.name} failed:\n{built.stderr[-5000:]}")
    return built.stdout.strip()


@pytest.fixture
def connector_image_override(request: pytest.FixtureRequest) -> str:
    """The standard tests take this image instead of building one from a template on GitHub."""
    return str(request.config.getoption("--connector-image") or request.getfixturevalue("image"))


@pytest.fixture
def read_from_streams() -> str:
    """The standard tests of the image read as well, which they do not by default."""
    return "default"


@pytest.fixture(autouse=True, scope="class")
def configs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Writes the configs that the standard tests' scenarios name, unless they are there: they lead to the emulator."""
    from airbyte_cdk.test.standard_tests.connector_base import ConnectorTestSuiteBase

    from integration_tests.kore_emulator import NOW, Emulator, generate_rows

    if not (isinstance(request.cls, type) and issubclass(request.cls, ConnectorTestSuiteBase)):
        yield
        return
    rows = generate_rows("st-alpha", NOW - timedelta(days=120), NOW - timedelta(minutes=5), 300, 1)
    with Emulator({"st-alpha": rows}) as emulator:
        good = emulator.config()
        written = {"config.json": good, "invalid_config.json": {**good, "bot_ids": ["st-nobody"]}}
        secrets = request.cls.get_connector_root_dir() / "secrets"
        missing = [secrets / name for name in written if not (secrets / name).exists()]
        secrets.mkdir(exist_ok=True)
        for path in missing:
            path.write_text(json.dumps(written[path.name]))
        yield
    for path in missing:
        path.unlink()
    if not any(secrets.iterdir()):
        secrets.rmdir()


@pytest.fixture(autouse=True)
def _log_is_seen() -> None:
    """Commands and syncs that ran in this process turned the logger away from the root, where `caplog` listens."""
    logging.getLogger("airbyte").setLevel(logging.INFO)
    logging.getLogger("airbyte").propagate = True
    logging.getLogger("airbyte").disabled = False
