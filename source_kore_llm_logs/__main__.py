"""`python -m source_kore_llm_logs` is the command `source-kore-llm-logs`."""

from source_kore_llm_logs.run import run

run()
