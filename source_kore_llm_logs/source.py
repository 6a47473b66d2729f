"""The source: `manifest.yaml`, with a `check` of every bot and a `read` that reports all errors at its end."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import airbyte_cdk.models as protocol
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream

from source_kore_llm_logs.components.config_normalization import ConfigNormalization
from source_kore_llm_logs.components.state_migration import warn_of_retention, warn_of_unused_state
from source_kore_llm_logs.errors import ConnectorError
from source_kore_llm_logs.manifest import MANIFEST, SPECIFICATION, manifest
from source_kore_llm_logs.records.timestamps import from_iso, to_iso
from source_kore_llm_logs.runtime.checkpoints import Checkpoints, LlmUsageLogsStream
from source_kore_llm_logs.runtime.documents import FileInputSource
from source_kore_llm_logs.runtime.error_report import errors_at_the_end, grouped

MAX_PARALLEL_CHECKS = 16


class ManifestSource(ConcurrentDeclarativeSource):
    """The manifest for one command, with its stream built once. Raises ConnectorError for an invalid state."""

    def __init__(
        self,
        config: Mapping[str, Any],
        catalog: protocol.ConfiguredAirbyteCatalog | None = None,
        state: list[protocol.AirbyteStateMessage] | None = None,
        is_check: bool = False,
    ):
        catalog = catalog or protocol.ConfiguredAirbyteCatalog(streams=[])
        super().__init__(catalog, config, state or [], source_config=manifest(is_check=is_check))
        (stream,) = super().streams(config)
        self.stream = LlmUsageLogsStream(stream)

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        return [self.stream]


class SourceKoreLlmLogs(FileInputSource):
    """Kore.ai's LLM usage logs as an Airbyte source. Raises ConnectorError (config error) for invalid input. Ignores
    what the CDK's tools pass to the constructor: each command gets its own."""

    def __init__(self, catalog: object = None, config: object = None, state: object = None):
        super().__init__()

    def spec(self, logger: logging.Logger) -> protocol.ConnectorSpecification:
        address = MANIFEST["spec"]["documentation_url"]
        return protocol.ConnectorSpecification(dict(SPECIFICATION), documentationUrl=address)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The normalized config. The CDK validates it after this, with errors that name no field; so ours come first.
        Unlike the CDK's method, writes no file: if the process were killed, the secret would stay in it."""
        return self._normalized(config)

    @staticmethod
    def _normalized(config: Mapping[str, Any]) -> dict[str, Any]:
        normalized = dict(config)
        ConfigNormalization().transform(normalized)
        return normalized

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> protocol.AirbyteConnectionStatus:
        """Sends one small request for every bot, in parallel, and lists all that fail. Takes half a minute at most: it
        stops at the first bot whose request does not reach the host or times out."""
        config = self._normalized(config)
        last_minute = from_iso(config["sync_end"]) - timedelta(minutes=1)
        source = ManifestSource({**config, "start_date": to_iso(last_minute), "end_date": None}, is_check=True)
        pool = ThreadPoolExecutor(MAX_PARALLEL_CHECKS)
        # With `is_check`, reading a bot yields nothing, or raises.
        checks = [pool.submit(list, bot.read()) for bot in source.stream.generate_partitions()]
        errors = list[ConnectorError]()
        for check in checks:
            try:
                check.result()
            except ConnectorError as error:
                errors.append(error)
                if error.category in ("unreachable", "page_size"):
                    break
        pool.shutdown(wait=False, cancel_futures=True)
        if errors:
            return protocol.AirbyteConnectionStatus(protocol.Status.FAILED, grouped(errors, config["bot_ids"]))
        return protocol.AirbyteConnectionStatus(status=protocol.Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> protocol.AirbyteCatalog:
        """The catalog, in which a full refresh is not resumable: a second attempt is a new generation, which replaces
        what the first one wrote."""
        catalog = ManifestSource(self._normalized(config)).discover(logger, config)
        for stream in catalog.streams:
            stream.is_resumable = False
        return catalog

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: protocol.ConfiguredAirbyteCatalog,
        state: list[protocol.AirbyteStateMessage] | None = None,
    ) -> Iterator[protocol.AirbyteMessage]:
        config = self._normalized(config)
        # Airbyte passes no state to a full refresh. If another program does, the CDK would resume from it.
        is_full_refresh = any(stream.sync_mode is protocol.SyncMode.full_refresh for stream in catalog.streams)
        state = [] if is_full_refresh else state or []
        source = ManifestSource(config, catalog, state)
        stream, chosen = source.stream, [one.stream.name for one in catalog.streams]
        unknown = [f"`{name}`, which is not here" for name in chosen if name != stream.name]
        if unknown or not chosen:  # The CDK would end a sync of nothing as a success.
            what = f"the stream {unknown[0]}" if unknown else "no stream"
            what = f"The catalog names {what}. Refresh the schema of the connection, and choose `{stream.name}`."
            raise ConnectorError(what)
        warn_of_unused_state(state, stream.name)
        warn_of_retention(config, stream.initial_state)
        checkpoints = Checkpoints(stream.name, stream.initial_state)
        messages = checkpoints.with_state_messages(source.read(logger, config, catalog))
        yield from errors_at_the_end(messages, config["bot_ids"])
