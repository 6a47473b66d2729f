"""The source: `manifest.yaml`, plus a `check` that asks every bot and a summary at the end of a sync."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    Status,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_kore_llm_logs.components.config_normalization import ExactConfiguration
from source_kore_llm_logs.components.state_migration import state_to_resume
from source_kore_llm_logs.errors import Fault, HostUnreachable, PageTooLarge
from source_kore_llm_logs.manifest import manifest
from source_kore_llm_logs.records.timestamps import iso_ms, moment
from source_kore_llm_logs.runtime.checkpoints import Checkpoints
from source_kore_llm_logs.runtime.fault_report import faults_at_the_end, grouped
from source_kore_llm_logs.runtime.stream import StreamOfBots

CHECKED_AT_ONCE = 16


class SourceKoreLlmLogs(ConcurrentDeclarativeSource):
    """Kore.ai's LLM usage logs as an Airbyte source.

    It may be built with nothing, as the CDK's own tools do: it then takes config and state from each command. Built for
    a check, it gives up at the second fault of a request, and waits for no rate limit.
    Raises AirbyteTracedException (config error) if the config cannot be used.
    """

    def __init__(
        self,
        catalog: ConfiguredAirbyteCatalog | None = None,
        config: Mapping[str, Any] | None = None,
        state: list[AirbyteStateMessage] | None = None,
        is_check: bool = False,
    ):
        super().__init__(
            catalog or ConfiguredAirbyteCatalog(streams=[]),
            config or {},
            state_to_resume(state, catalog) or [],
            source_config=manifest(is_check=is_check, is_sync=catalog is not None),
        )
        self._bare = config is None
        self._being_read: list[AbstractStream] = []

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The config of a command, exact, before the CDK holds it to the specification: its own words name no field.

        Raises Fault. (A source that is built with its config has refused it, or made it exact, by then.)
        """
        return super().configure(self._exact(config) if self._bare else config, temp_dir)

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        """The manifest's stream, whose state is made by `checkpoints`. Of a read, the one with which it began: what is
        told of a state while a stream is built is told once."""
        return self._being_read or [StreamOfBots(stream) for stream in super().streams(config)]

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Asks every bot one small question, in parallel; lists all that fail and why.

        A host that cannot be reached is told of once. Where no bot was answered in time, no further bot is tried, and
        none that is still being asked is waited for: it takes half a minute at most to say so.
        """
        exact = self._exact(config)
        last_minute = {
            **exact,
            "start_date": iso_ms(moment(exact["sync_end"]) - timedelta(minutes=1)),
            "end_date": None,
        }
        (stream,) = SourceKoreLlmLogs(config=last_minute, is_check=True).streams(last_minute)
        pool = ThreadPoolExecutor(CHECKED_AT_ONCE)
        checks = [pool.submit(_check, log) for log in stream.generate_partitions()]
        faults = list[Fault]()
        try:
            for check in checks:
                try:
                    check.result()
                except HostUnreachable as fault:
                    faults = [fault]
                    break
                except AirbyteTracedException as fault:
                    faults.append(fault if isinstance(fault, Fault) else Fault(str(fault)))
                    if len(faults) == CHECKED_AT_ONCE and all(isinstance(one, PageTooLarge) for one in faults):
                        break
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if faults:
            return AirbyteConnectionStatus(status=Status.FAILED, message=grouped(faults, exact["bot_ids"]))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    @staticmethod
    def _exact(config: Mapping[str, Any]) -> dict[str, Any]:
        exact = dict(config)
        ExactConfiguration().transform(exact)
        return exact

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """The catalog. A full refresh cannot be resumed -> state_migration.py."""
        if self._bare:
            return SourceKoreLlmLogs(config=config).discover(logger, config)
        catalog = super().discover(logger, config)
        for stream in catalog.streams:
            stream.is_resumable = False
        return catalog

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        if self._bare:
            yield from SourceKoreLlmLogs(catalog, config, state).read(logger, config, catalog, state)
            return
        self._refuse_unknown_streams(catalog)
        (stream,) = self._being_read = self.streams(config)
        try:
            checkpoints = Checkpoints(stream.name, stream.cursor.state)
            messages = checkpoints.merged(super().read(logger, config, catalog, state))
            yield from faults_at_the_end(messages, self._exact(config)["bot_ids"])
        finally:
            self._being_read = []

    def _refuse_unknown_streams(self, catalog: ConfiguredAirbyteCatalog) -> None:
        """Raises Fault: the CDK would pass over a stream that is not here, and end a sync of nothing as a success."""
        known = [stream["name"] for stream in self.resolved_manifest["streams"]]
        chosen = [stream.stream.name for stream in catalog.streams]
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            what = f"the stream `{unknown[0]}`, which this connector does not have" if unknown else "no stream"
            raise Fault(
                f"The catalog names {what}. The connector has `{', '.join(known)}`: refresh the schema of the "
                "connection and choose that."
            )


def _check(log: Partition) -> None:
    """Raises what keeps a bot from being read."""
    for _ in log.read():
        pass
