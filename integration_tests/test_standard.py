"""The CDK's own standard tests for sources, against the emulator, as `acceptance-test-config.yml` lists them."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from airbyte_cdk.test.standard_tests.source_base import SourceTestSuiteBase

from source_kore_llm_logs import SourceKoreLlmLogs

ROOT = Path(__file__).parents[1]
NAME = "source-kore-llm-logs"
_FOLDER = tempfile.TemporaryDirectory()


class TestSource(SourceTestSuiteBase):
    """With a folder for the configs of each process, so that two may run at the same time."""

    connector = SourceKoreLlmLogs

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        folder = Path(_FOLDER.name, NAME)
        if not folder.exists():
            folder.mkdir()
            for name in ("metadata.yaml", "acceptance-test-config.yml"):
                shutil.copy(ROOT / name, folder)
        return folder


def test_the_cdks_own_command_passes_as_it_is(tmp_path: Path) -> None:
    """`airbyte-cdk connector test`, which builds the source without a config and goes by the folder's name."""
    ignored = shutil.ignore_patterns(".*", "build", "secrets", "__pycache__")
    shutil.copytree(ROOT, tmp_path / NAME, ignore=ignored)
    command = [str(Path(sys.executable).parent / "airbyte-cdk"), "connector", "test"]
    # The image has its tests in the class above.
    command.append("--pytest-arg=-mnot image_tests")
    done = subprocess.run(command, cwd=tmp_path / NAME, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "7 passed" in done.stdout
