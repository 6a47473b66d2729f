"""The wheel and the sdist: the same bytes wherever they are built, a working command wherever they are installed."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from integration_tests import command
from integration_tests.kore_emulator import NOW, Emulator, Reading, generate_rows

ROOT = Path(__file__).parents[2]
PACKAGE = "source_kore_llm_logs"
TABLES = {f"{PACKAGE}/records/{name}.yaml" for name in ("columns", "providers", "redaction")}
DATA = TABLES | {f"{PACKAGE}/manifest.yaml", f"{PACKAGE}/schemas/llm_usage_logs.json", f"{PACKAGE}/py.typed"}
POETRY = ROOT / ".tools" / "bin" / "poetry"
RELEASE_TOOLS = ROOT / ".venv-release" / "bin"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

pytestmark = pytest.mark.skipif(
    not (POETRY.exists() and RELEASE_TOOLS.exists()), reason="the release tools are not installed: make package-test"
)


def run(*line: object, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Runs a command to its end; what it printed on stdout. Fails the test, with all it said, when it fails."""
    words, variables = [str(word) for word in line], {**os.environ, **(environment or {})}
    done = subprocess.run(words, cwd=cwd, env=variables, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{line} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def built(project: Path, **environment: str) -> dict[str, bytes]:
    """Runs `make build` in a folder of its own with the tools of this one; file name -> content."""
    # `-o`: Make takes the tools as they are, instead of installing them into the copy as well.
    run("make", "-o", ".tools/.installed", "build", f"POETRY={POETRY}", cwd=project, environment=environment)
    return {path.name: path.read_bytes() for path in sorted((project / "dist").iterdir())}


def copy_of_the_project(folder: Path) -> Path:
    """What git knows or would take: no environments, and nothing that another test is just writing."""
    for name in run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_of_the_project(tmp_path_factory.mktemp("build") / "project")
    built(project)
    return project / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The locked versions as constraints: the wheel itself says what it needs, the lock only in which version."""
    path = tmp_path_factory.mktemp("lock") / "constraints.txt"
    run(POETRY, "export", "--quiet", "--without-hashes", "--output", path, cwd=ROOT)
    return path


@pytest.fixture(scope="module")
def source_specification() -> object:
    """What the command prints for `spec` when it runs from the source."""
    (message,) = command.run("spec").of_type("SPEC")
    return message["spec"]


def specification(program: Path, folder: Path) -> object:
    """What an installed command prints for `spec`, run from a folder where the source is not."""
    (message,) = [m for m in command.parse(run(program, "spec", cwd=folder)) if m["type"] == "SPEC"]
    return message["spec"]


def interpreter(version: str) -> str:
    """The interpreter of that version on PATH. Skips the test where there is none."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    found = shutil.which(f"python{version}")
    if found:
        # A version manager puts a stand-in on PATH that runs only when the version is named.
        words, variables = [found, "-c", "import sys; print(sys.executable)"], {**os.environ, "PYENV_VERSION": version}
        done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=30)
        if done.returncode == 0:
            return done.stdout.strip()
    pytest.skip(f"no python{version} on PATH: the package was not installed on it")


def test_builds_in_other_folders_at_other_times_give_the_same_bytes(tmp_path: Path) -> None:
    here = copy_of_the_project(tmp_path / "here")
    there = copy_of_the_project(tmp_path / "another folder" / "there")
    for path in there.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    first = built(here, TZ="UTC", SOURCE_DATE_EPOCH="1700000000")
    second = built(there, TZ="Asia/Kolkata", SOURCE_DATE_EPOCH="1800000000", LC_ALL="C", PYTHONHASHSEED="7")
    assert {Path(name).suffix for name in first} == {".whl", ".gz"}
    assert first == second


def test_a_wheel_built_from_the_sdist_is_the_wheel(dist: Path, wheel: Path, tmp_path: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    run("tar", "--extract", "--file", sdist, cwd=tmp_path)
    (project,) = tmp_path.iterdir()
    run("env", "-u", "SOURCE_DATE_EPOCH", POETRY, "build", "--quiet", "--format", "wheel", cwd=project)
    assert (project / "dist" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        information = {name.partition(".dist-info/")[2] for name in archive.namelist()} - {""}
    source = {str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).rglob("*") if path.is_file()}
    assert names == {name for name in source if "__pycache__" not in name}
    assert names >= DATA
    assert information == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_sdist_holds_the_package_and_what_explains_it(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    others = {name for name in names if not name.startswith(f"{PACKAGE}/")}
    assert others == {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    assert names >= DATA


def test_the_index_will_take_the_metadata(dist: Path) -> None:
    run(RELEASE_TOOLS / "twine", "check", "--strict", *dist.iterdir())


def test_pip_installs_it(wheel: Path, locked: Path, source_specification: object, tmp_path: Path) -> None:
    uv, python = RELEASE_TOOLS / "uv", tmp_path / "clean" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "clean")
    # pip takes half a minute for the dependencies alone, so they are there already, and pip finds that they are enough.
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--requirement", locked)
    run(python, "-m", "pip", "install", "--quiet", "--no-index", wheel, cwd=tmp_path)
    run(python, "-m", "pip", "check")
    assert specification(python.with_name("source-kore-llm-logs"), tmp_path) == source_specification


def test_pipx_installs_it(wheel: Path, locked: Path, source_specification: object, tmp_path: Path) -> None:
    home = {f"PIPX_{name}": str(tmp_path / name) for name in ("HOME", "BIN_DIR", "MAN_DIR")}
    home |= {"PIP_CONSTRAINT": str(locked), "UV_CONSTRAINT": str(locked)}
    run(RELEASE_TOOLS / "pipx", "install", "--python", sys.executable, wheel, environment=home, cwd=tmp_path)
    assert specification(tmp_path / "BIN_DIR" / "source-kore-llm-logs", tmp_path) == source_specification


@pytest.mark.parametrize("version", PYTHONS)
def test_installed_with_uv_it_reads_every_row_on_python(
    version: str, wheel: Path, locked: Path, source_specification: object, tmp_path: Path
) -> None:
    uv, clean = RELEASE_TOOLS / "uv", tmp_path / "clean"
    run(uv, "venv", "--quiet", "--python", interpreter(version), clean)
    python = clean / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--python", python, "--constraint", locked, wheel, cwd=tmp_path)
    assert run(python, "-c", "import sys; print('{}.{}'.format(*sys.version_info))").strip() == version

    program = clean / "bin" / "source-kore-llm-logs"
    assert specification(program, tmp_path) == source_specification
    rows = generate_rows("st-alpha", NOW - timedelta(days=100), NOW - timedelta(minutes=5), 250, 1)
    with Emulator({"st-alpha": rows}, Reading(largest_limit=100)) as emulator:
        (tmp_path / "config.json").write_text(json.dumps(emulator.config()))
        (tmp_path / "catalog.json").write_text(json.dumps(command.CATALOG))
        line = (program, "read", "--config", "config.json", "--catalog", "catalog.json")
        messages = command.parse(run(*line, cwd=tmp_path))
    assert len({m["record"]["data"]["id"] for m in messages if m["type"] == "RECORD"}) == len(rows) == 250
