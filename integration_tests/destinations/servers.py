"""The servers that the tests start: PostgreSQL, S3 and a stand-in for Snowflake, on loopback and on a free port.

Each is a context manager that gives the port, and skips the test, with the reason, where the server is not installed.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 60


def environment(name: str) -> Path:
    """The `bin` folder of an environment that `make destinations` installs."""
    if not (REPOSITORY / name / ".installed").exists():
        pytest.skip(f"{name} is not installed; `make destinations` installs it")
    return REPOSITORY / name / "bin"


def s3_server(folder: Path) -> AbstractContextManager[int]:
    return _listening(folder, environment(".venv-lake") / "moto_server", "-H", "127.0.0.1", "-p")


def snowflake_server(folder: Path) -> AbstractContextManager[int]:
    return _listening(folder, environment(".venv-snowflake") / "fakesnow", "--server", "--port")


@contextmanager
def _listening(folder: Path, *command: object) -> Iterator[int]:
    """A server whose last argument is the port."""
    port = _free_port()
    with _running([*map(str, command), str(port)], port, folder / "server.log"):
        yield port


@contextmanager
def postgres_server() -> Iterator[int]:
    """PostgreSQL of the distribution; it refuses to run as root, so root runs it as `postgres`."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = shutil.which("postgres")
    if not binaries and not found:
        pytest.skip("PostgreSQL is not installed; `apt-get install postgresql` installs it")
    bin_folder = (binaries[-1] if binaries else Path(found or "")).resolve().parent
    user = None
    if os.getuid() == 0:
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user `postgres` to run it as")
    folder = Path(tempfile.mkdtemp(prefix="kore-postgres-"))
    try:
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data, port = folder / "data", _free_port()
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        initdb = [str(bin_folder / "initdb"), "--pgdata", str(data), "--username=kore", "--auth=trust", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity)
        settings = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        server = [str(bin_folder / "postgres"), "-D", str(data), *(part for s in settings for part in ("-c", s))]
        with _running(server, port, folder / "postgres.log", cwd=folder, **identity):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: list[str], port: int, log_file: Path, **how: object) -> Iterator[None]:
    """A process that answers on the port within a minute, and that ends with the block."""
    with log_file.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **how)  # type: ignore[call-overload]
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start:\n{log_file.read_text()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
