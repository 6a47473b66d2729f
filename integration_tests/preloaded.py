"""Command lines in processes that are forked from one that has imported the connector already.

A process that is started afresh spends a second and a half on imports, and a command a tenth of that.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import TextIO

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["source_kore_llm_logs.command", "integration_tests.manifest_schema", "pytest"])


def _run(arguments: list[str], folder: str, environment: Mapping[str, str], to_files: Path | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv[1:] = arguments
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell that runs the tests beside others ignores it.
    from source_kore_llm_logs import run
    from source_kore_llm_logs import to_files as files

    if to_files:
        os.chdir(to_files)
    files.main() if to_files else run.run()


def begun(
    arguments: list[str], folder: str, environment: Mapping[str, str] | None = None, to_files: Path | None = None
) -> ForkServerProcess:
    """The process of the connector, or of `to_files` in a folder of its own; it writes `stdout` and `stderr` into
    `folder`."""
    process = _CONTEXT.Process(target=_run, args=(arguments, folder, dict(environment or os.environ), to_files))
    process.start()
    return process


def completed(
    arguments: list[str],
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
    to_files: Path | None = None,
) -> CompletedProcess[str]:
    """Runs the connector with these arguments and this environment to its end, or for `timeout` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        process = begun(arguments, folder, environment, to_files)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise TimeoutExpired(arguments, timeout)
        stdout, stderr = (Path(folder, name).read_text() for name in ("stdout", "stderr"))
        return CompletedProcess(arguments, process.exitcode, stdout, stderr)


@contextmanager
def started(arguments: list[str]) -> Iterator[TextIO]:
    """The standard output of the connector with these arguments, which is killed (SIGKILL) at the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkfifo(Path(folder, "stdout"))
        process = begun(arguments, folder)
        with Path(folder, "stdout").open() as stdout:
            try:
                yield stdout
            finally:
                process.kill()
                process.join()
