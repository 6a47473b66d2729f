"""Airbyte source connector for Kore.ai's LLM usage logs."""

from source_kore_llm_logs.source import SourceKoreLlmLogs

__all__ = ["SourceKoreLlmLogs"]
