"""Runs many command lines quickly: each in a process of its own, forked from one that has done the imports already."""

import json
import multiprocessing
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from integration_tests.command import Outcome

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["source_kore_llm_logs.command", "pytest"])


def _run(arguments: list[str], folder: str, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), descriptor)
    from source_kore_llm_logs.run import run

    run(arguments)


def finished(arguments: list[str], environment: Mapping[str, str] | None = None, timeout: float = 60) -> Outcome:
    """Runs the connector with these arguments to its end. Every line of its stdout must be JSON, but after `--help`."""
    with tempfile.TemporaryDirectory() as folder:
        process = _CONTEXT.Process(target=_run, args=(arguments, folder, environment or {}))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{arguments} did not end in {timeout} s")
        stdout = Path(folder, "stdout").read_text()
        messages = [json.loads(line) for line in stdout.split("\n") if line.strip()]
        return Outcome(process.exitcode, messages, stdout, Path(folder, "stderr").read_text())
