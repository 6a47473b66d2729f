"""The entry point of the command line `source-kore-llm-logs spec | check | discover | read`."""

import sys

from source_kore_llm_logs.runtime import signals
from source_kore_llm_logs.runtime.output import Stdout


def run(arguments: list[str] | None = None) -> None:
    """Runs one protocol command and ends the process: with status 0, 1 after a failure (a failed `check` included) or 2
    after a wrong command line, or by the signal that it received."""
    signals.install()
    stdout = Stdout()
    stdout.replace()
    # These imports take more than a second. Signals are handled during them, too.
    from source_kore_llm_logs.command import run_command

    run_command(sys.argv[1:] if arguments is None else arguments, stdout)
