"""dbt's command lines in forks of one process, in the environment it needs: the imports take longer than most commands.

    dbt_forks.py < commands, one a line: {"arguments": […], "environment": {…}, "folder": …}

Answers each with a line: {"code": …, "stdout": …, "stderr": …}.
"""

import json
import os
import sys
from tempfile import TemporaryFile
from typing import Any, NoReturn

from dbt.adapters import duckdb, postgres  # noqa: F401 (so that the forks need not)
from dbt.cli.main import cli


def run(arguments: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        cli(arguments, prog_name="dbt")
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def answer(command: dict[str, Any]) -> dict[str, Any]:
    with TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        process = os.fork()
        if not process:
            for descriptor, file in enumerate((os.open(os.devnull, os.O_RDONLY), stdout.fileno(), stderr.fileno())):
                os.dup2(file, descriptor)
            run(**command)
        _, status = os.waitpid(process, 0)
        for file in (stdout, stderr):
            file.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "stdout": stdout.read(), "stderr": stderr.read()}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
