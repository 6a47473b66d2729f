"""Airbyte source connector for Kore.ai's LLM usage logs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_kore_llm_logs.source import SourceKoreLlmLogs

__all__ = ["SourceKoreLlmLogs"]


def __getattr__(name: str) -> Any:
    """`SourceKoreLlmLogs`, imported when it is asked for: the CDK takes a second, and signals come first (run.py)."""
    if name in __all__:
        from source_kore_llm_logs import source

        return getattr(source, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
