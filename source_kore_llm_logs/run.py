"""The entry point of the command line `source-kore-llm-logs spec | check | discover | read`: signals, then the rest."""

import sys

from source_kore_llm_logs.runtime import signals
from source_kore_llm_logs.runtime.output import Stdout


def run(arguments: list[str] | None = None) -> None:
    """Runs one protocol command and ends the process: with 0, 1 after any failure (a failed `check` included), 2 after
    a wrong command line, or by the signal that it was sent."""
    signals.install()
    stdout = Stdout()
    stdout.replace()
    # More than a second of imports, during which a signal ends the process too.
    from source_kore_llm_logs.command import run_command

    run_command(sys.argv[1:] if arguments is None else arguments, stdout)
