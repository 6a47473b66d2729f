"""The source: `manifest.yaml`, a `check` that asks every bot, and a `read` that tells all its faults at the end."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import airbyte_cdk.models as protocol
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream

from source_kore_llm_logs.components.config_normalization import ExactConfiguration
from source_kore_llm_logs.components.state_migration import warn_of_retention, warn_of_unused_state
from source_kore_llm_logs.errors import Fault
from source_kore_llm_logs.manifest import MANIFEST, SPECIFICATION, manifest
from source_kore_llm_logs.records.timestamps import iso_ms, moment
from source_kore_llm_logs.runtime.checkpoints import Checkpoints, StreamOfBots
from source_kore_llm_logs.runtime.documents import SourceOfDocuments
from source_kore_llm_logs.runtime.fault_report import faults_at_the_end, grouped

CHECKED_AT_ONCE = 16


class SourceOfBots(ConcurrentDeclarativeSource):
    """The manifest for one command. Its stream is built once. Raises Fault for a state that no sync has written."""

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
        self.stream = StreamOfBots(stream)

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        return [self.stream]


class SourceKoreLlmLogs(SourceOfDocuments):
    """Kore.ai's LLM usage logs as an Airbyte source. Raises Fault (config error) for input that cannot be used.

    Each command takes its own config, catalog and state; those that the CDK's tools give to the constructor are left.
    """

    def __init__(self, catalog: object = None, config: object = None, state: object = None):
        super().__init__()

    def spec(self, logger: logging.Logger) -> protocol.ConnectorSpecification:
        address = MANIFEST["spec"]["documentation_url"]
        return protocol.ConnectorSpecification(dict(SPECIFICATION), documentationUrl=address)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The exact config, before the CDK holds it to the specification: its own words name no field. Writes no file:
        a killed process would leave the secret in it."""
        return self._exact(config)

    @staticmethod
    def _exact(config: Mapping[str, Any]) -> dict[str, Any]:
        exact = dict(config)
        ExactConfiguration().transform(exact)
        return exact

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> protocol.AirbyteConnectionStatus:
        """Asks every bot one small question, in parallel; lists all that fail and why. Ends at the first that cannot be
        reached or does not answer in time, after half a minute at most, and waits for no other."""
        exact = self._exact(config)
        last_minute = moment(exact["sync_end"]) - timedelta(minutes=1)
        source = SourceOfBots({**exact, "start_date": iso_ms(last_minute), "end_date": None}, is_check=True)
        pool = ThreadPoolExecutor(CHECKED_AT_ONCE)
        # A check of a bot gives nothing, or raises.
        checks = [pool.submit(list, bot.read()) for bot in source.stream.generate_partitions()]
        faults = list[Fault]()
        for check in checks:
            try:
                check.result()
            except Fault as fault:
                faults.append(fault)
                if fault.about in ("host", "page_size"):
                    break
        pool.shutdown(wait=False, cancel_futures=True)
        if faults:
            return protocol.AirbyteConnectionStatus(protocol.Status.FAILED, grouped(faults, exact["bot_ids"]))
        return protocol.AirbyteConnectionStatus(status=protocol.Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> protocol.AirbyteCatalog:
        """The catalog. A full refresh cannot be resumed: a second attempt at it is a new generation, which replaces
        what the first one wrote."""
        catalog = SourceOfBots(self._exact(config)).discover(logger, config)
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
        exact = self._exact(config)
        # Airbyte hands no state over where the stream is read in full; the CDK would resume from it.
        is_full = any(stream.sync_mode is protocol.SyncMode.full_refresh for stream in catalog.streams)
        used = [] if is_full else state or []
        source = SourceOfBots(exact, catalog, used)
        stream, chosen = source.stream, [one.stream.name for one in catalog.streams]
        unknown = [f"`{name}`, which is not here" for name in chosen if name != stream.name]
        if unknown or not chosen:  # The CDK would end a sync of nothing as a success.
            what = f"the stream {unknown[0]}" if unknown else "no stream"
            raise Fault(f"The catalog names {what}. Refresh the schema of the connection, and choose `{stream.name}`.")
        warn_of_unused_state(used, stream.name)
        warn_of_retention(exact, stream.state_before)
        messages = Checkpoints(stream.name, stream.state_before).merged(source.read(logger, exact, catalog))
        yield from faults_at_the_end(messages, exact["bot_ids"])
