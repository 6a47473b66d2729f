"""A long sync under faults and limits, run by hand: `python -m integration_tests.soak`.

Four bots, 100,000 rows, pages of at most 100, 10 % of the requests fail, and the server refuses above its limit.
Prints what was lost, repeated or refused, and how much of the permitted rate was used; exits with 1 if anything was.
"""

import sys
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from integration_tests.command import read
from integration_tests.kore_emulator import Emulator, Reading, generate_rows
from source_kore_llm_logs.components.records import to_record

PER_MINUTE = 120


def main() -> int:
    now = datetime.now(timezone.utc)
    rows = {
        bot: generate_rows(bot, now - timedelta(days=200), now - timedelta(minutes=5), 25_000, seed)
        for seed, bot in enumerate(("st-alpha", "st-beta", "st-gamma", "st-delta"))
    }
    reading = Reading(max_page=100, fault_rate=0.1, requests_per_minute=PER_MINUTE, slow_seconds=1)
    with Emulator(rows, reading) as emulator:
        started = time.time()
        outcome = read(emulator.config(requests_per_minute=PER_MINUTE, requests_per_hour=100_000), timeout=1200)
        seconds = time.time() - started
        truth = {to_record(bot, row)["id"] for bot in rows for row in emulator.rows(bot)}
        asked = Counter(seen.bot_id for seen in emulator.requests)
        faults = Counter(seen.status for seen in emulator.requests)
        refused = emulator.refused_by_rate
    # A rolling limit lets a full minute's requests go at once, and then as many each minute.
    permitted = PER_MINUTE * (1 + seconds // 60)
    ids = outcome.ids
    print(f"exit code {outcome.code}, {len(ids):,} of {len(truth):,} rows, {seconds:.0f} s")
    print(f"lost {len(truth - set(ids))}, repeated {sum(n > 1 for n in ids.values())}, refused by rate {refused}")
    print(f"requests per bot {dict(asked)}, by status {dict(faults)}, at most {permitted:.0f} permitted each")
    return int(outcome.code != 0 or set(ids) != truth or max(ids.values()) > 1 or refused > 0)


if __name__ == "__main__":
    sys.exit(main())
