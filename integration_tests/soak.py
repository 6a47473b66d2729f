"""A long sync under faults and limits, run by hand: `python -m integration_tests.soak`.

Four bots, 100,000 rows, pages of at most 100, 10 % of the requests fail, and the server refuses above its limit.
Prints what was lost, repeated or refused, and how much of the permitted rate was used while there was work; exits with
1 if a row was lost or repeated, a request was refused for its rate, or less than 90 % of the rate was used.
"""

import sys
import time
from collections import Counter
from datetime import timedelta

from integration_tests.command import read
from integration_tests.kore_emulator import NOW, Emulator, Reading, RequestSeen, generate_rows
from source_kore_llm_logs.records.record import to_record

PER_MINUTE = 120
LEAST_USED = 0.9


def share_of_the_limit(requests: list[RequestSeen], bot: str) -> float:
    """Requests of the whole minutes in which the bot still had rows to give, over those that were permitted."""
    asked = [seen.at for seen in requests if seen.bot_id == bot]
    minutes = int((asked[-1] - asked[0]) // 60)
    return sum(at < asked[0] + 60 * minutes for at in asked) / (minutes * PER_MINUTE)


def main() -> int:
    now = NOW
    rows = {
        bot: generate_rows(bot, now - timedelta(days=200), now - timedelta(minutes=5), 25_000, seed)
        for seed, bot in enumerate(("st-alpha", "st-beta", "st-gamma", "st-delta"))
    }
    reading = Reading(largest_limit=100, fault_rate=0.1, requests_per_minute=PER_MINUTE, slow_seconds=1)
    with Emulator(rows, reading) as emulator:
        started = time.time()
        outcome = read(emulator.config(requests_per_minute=PER_MINUTE, requests_per_hour=100_000), timeout=1200)
        seconds = time.time() - started
        truth = {to_record(bot, row)["id"] for bot in rows for row in emulator.rows(bot)}
        asked = Counter(seen.bot_id for seen in emulator.requests)
        used = {bot: share_of_the_limit(emulator.requests, bot) for bot in rows}
        by_status = Counter(seen.status for seen in emulator.requests)
        refused = emulator.refused_by_rate
    ids = outcome.ids
    lost, repeated = len(truth - set(ids)), sum(n > 1 for n in ids.values())
    print(f"exit code {outcome.code}, {len(ids):,} of {len(truth):,} rows, {seconds:.0f} s")
    print(f"lost {lost}, repeated {repeated}, refused by rate {refused}")
    print(f"requests per bot {dict(asked)}, by status (0: connection broken) {dict(by_status)}")
    print("used of the limit while there was work: " + ", ".join(f"{bot} {share:.1%}" for bot, share in used.items()))
    return int(outcome.code != 0 or set(ids) != truth or repeated + refused > 0 or min(used.values()) < LEAST_USED)


if __name__ == "__main__":
    sys.exit(main())
