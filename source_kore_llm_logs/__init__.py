"""Airbyte source connector for Kore.ai's LLM usage logs."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Imports `SourceKoreLlmLogs` on first use: the CDK takes a second, and run.py handles signals before it."""
    if name != "SourceKoreLlmLogs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from source_kore_llm_logs.source import SourceKoreLlmLogs

    return SourceKoreLlmLogs
