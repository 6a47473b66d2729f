"""The connector's main job in one go: two syncs of an emulated Kore.ai into DuckDB, and what dbt makes of them."""

from __future__ import annotations

import os
import shutil
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comparison
import duckdb
import terminal
import transformation
from emulator_process import REPOSITORY, Emulator, running_emulator
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import airbyte

BUILD = REPOSITORY / "build/demo"
DATABASE = BUILD / "kore_llm_logs.duckdb"
PAGE = BUILD / "report.html"
BOTS, DAYS, ROWS_PER_DAY, NEW_ROWS_PER_BOT = 3, 200, 25, 15


@dataclass(frozen=True)
class Sync:
    """What one sync did."""

    name: str
    records: int
    requests: int
    seconds: float


def main() -> int:
    """Run the demo; non-zero when the database differs from the emulator."""
    console = Console()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    console.rule("Starting the Kore.ai emulator")
    console.print(f"{BOTS} bots, {DAYS} days, about {ROWS_PER_DAY} rows a day for each bot")
    with running_emulator(BUILD, bots=BOTS, days=DAYS, rows_per_day=ROWS_PER_DAY) as emulator:
        console.print(f"It answers at {emulator.url}")
        syncs = _sync_twice(console, emulator)
        console.rule("Comparing the database with the emulator")
        database = duckdb.connect(str(DATABASE), read_only=True)
        database.execute("SET TimeZone = 'UTC'")
        equal = _compare(console, emulator, database)
        database.close()
        rows = {bot_id: emulator.get(f"rows/{bot_id}") for bot_id in emulator.get("rows")}
    console.rule("Running the dbt package: from rows to answers")
    equal &= _transform(console, rows)
    _print_syncs(console, syncs)
    answers = transformation.answers(DATABASE, BUILD)
    terminal.print_tables(console, answers)
    transformation.write_page(PAGE, answers)
    console.print(f"Database: {DATABASE.relative_to(REPOSITORY)}")
    console.print("Models:   dbt/models  (for Snowflake, BigQuery and PostgreSQL too)")
    console.print(f"Charts:   {PAGE.relative_to(REPOSITORY)}  (open it in a browser)")
    return 0 if equal else 1


def _transform(console: Console, rows: dict[str, list[dict[str, Any]]]) -> bool:
    console.print(transformation.build(DATABASE, BUILD))
    wrong = transformation.differences(DATABASE, rows)
    if not wrong:
        console.print("[bold green]Tokens, failures and cost are those worked out from the API's rows in plain Python.")
        return True
    console.print("[bold red]The marts differ from what the API's rows say:")
    for line in wrong:
        console.print(line)
    return False


def _sync_twice(console: Console, emulator: Emulator) -> list[Sync]:
    # PyAirbyte reads these when it is imported.
    os.environ |= {
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "AIRBYTE_PROJECT_DIR": str(BUILD),
    }
    with warnings.catch_warnings():
        # Libraries that PyAirbyte brings along for BigQuery speak of the end of old versions of Python.
        warnings.simplefilter("ignore", FutureWarning)
        import airbyte
        from airbyte.caches import DuckDBCache

    executable: Path = REPOSITORY / ".venv/bin/source-kore-llm-logs"
    source = airbyte.get_source("source-kore-llm-logs", config=emulator.config, local_executable=executable)
    console.rule("Checking the connection")
    source.check()
    source.select_all_streams()
    cache = DuckDBCache(db_path=DATABASE)
    console.rule("First sync: everything since the start date")
    first = _sync("first sync", source, cache, emulator)
    console.print()  # PyAirbyte's last line has no end.
    # A pause between two syncs is how the mart kore_llm_syncs tells them apart.
    time.sleep(transformation.SYNC_GAP_SECONDS)
    console.rule("The bots make more calls")
    for bot_id, count in emulator.add_rows(NEW_ROWS_PER_BOT).items():
        console.print(f"{bot_id}: {count} new rows")
    console.rule("Second sync: what is new")
    second = _sync("second sync", source, cache, emulator)
    console.print()
    cache.get_sql_engine().dispose()
    return [first, second]


def _sync(name: str, source: airbyte.Source, cache: airbyte.caches.DuckDBCache, emulator: Emulator) -> Sync:
    requests_before, started = emulator.request_count(), time.monotonic()
    result = source.read(cache=cache)
    return Sync(
        name,
        result.processed_records,
        emulator.request_count() - requests_before,
        time.monotonic() - started,
    )


def _compare(console: Console, emulator: Emulator, database: duckdb.DuckDBPyConnection) -> bool:
    equal = True
    table = _table("bot", "in the emulator", "in DuckDB", "missing", "too many", title="Rows")
    for bot_id, count in emulator.get("rows").items():
        expected = comparison.of_raw_rows(emulator.get(f"rows/{bot_id}"))
        found = comparison.of_table(database, bot_id)
        missing, extra = (expected - found).total(), (found - expected).total()
        equal &= count == found.total() and not missing and not extra
        table.add_row(bot_id, f"{count:,}", f"{found.total():,}", str(missing), str(extra))
    console.print(table)
    if equal:
        console.print(f"[bold green]Exactly the emulator's rows, compared by {len(comparison.COMPARED)} columns.")
    else:
        console.print("[bold red]The database differs from the emulator.")
    return equal


def _print_syncs(console: Console, syncs: list[Sync]) -> None:
    table = _table("sync", "records", "requests", "seconds", title="Syncs")
    for sync in syncs:
        table.add_row(sync.name, f"{sync.records:,}", str(sync.requests), f"{sync.seconds:.1f}")
    console.print(table)


def _table(name: str, *numbers: str, title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(name, no_wrap=True)
    for number in numbers:
        table.add_column(number, justify="right")
    return table


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
