"""Command lines in processes that are forked from one that has imported the connector already.

A process that is started afresh spends a second and a half on imports, and a command a tenth of that.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import TextIO

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["source_kore_llm_logs.command", "integration_tests.manifest_schema", "pytest"])


def _run(arguments: list[str], folder: str, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), descriptor)
    from source_kore_llm_logs.run import run

    run(arguments)


def completed(arguments: list[str], environment: Mapping[str, str], timeout: float) -> CompletedProcess[str]:
    """Runs the connector with these arguments and this environment to its end, or for `timeout` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        process = _CONTEXT.Process(target=_run, args=(arguments, folder, environment))
        process.start()
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
        process = _CONTEXT.Process(target=_run, args=(arguments, folder, dict(os.environ)))
        process.start()
        with Path(folder, "stdout").open() as stdout:
            try:
                yield stdout
            finally:
                process.kill()
                process.join()
