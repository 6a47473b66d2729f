"""Airbyte source connector for Kore.ai's LLM usage logs."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`SourceKoreLlmLogs`, imported when it is asked for: the CDK takes a second, and signals come first (run.py)."""
    if name != "SourceKoreLlmLogs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from source_kore_llm_logs.source import SourceKoreLlmLogs

    return SourceKoreLlmLogs
