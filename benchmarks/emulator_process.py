"""The emulated Kore.ai in a process of its own, with rows that are spliced and not made."""

import gzip
import json
import signal
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from threading import Event
from typing import Any

import requests
from flask import Response

from benchmarks.even_log import EvenLog
from integration_tests.kore_emulator import Emulator, Reading

DAYS = 80
"""All rows lie in one request's 90 days, so that a script needs one span only."""


TRANSFERS = ("length", "chunked", "gzip")
"""How an answer is sent: with its length, in chunks of unknown number, or compressed."""


class SendingEmulator(Emulator):
    """The emulator, its answers sent in another way."""

    transfer = "length"

    def answer(self, bot_id: str) -> Response:
        response = super().answer(bot_id)
        if self.transfer == "chunked":
            body = response.get_data()
            response.response = (body[i : i + 65536] for i in range(0, len(body), 65536))
            del response.headers["Content-Length"]
        elif self.transfer == "gzip":
            response.set_data(gzip.compress(response.get_data(), 1))
            response.headers["Content-Encoding"] = "gzip"
        return response


@contextmanager
def emulator(
    rows: int, bots: int, payload_bytes: int, days: int = DAYS, transfer: str = "length"
) -> Iterator[dict[str, Any]]:
    """A config that reads all the rows; the server ends with the block."""
    command = [sys.executable, "-m", "benchmarks.emulator_process"]
    command += [f"--{name}={value}" for name, value in (("rows", rows), ("bots", bots), ("days", days))]
    command += [f"--payload={payload_bytes}", f"--transfer={transfer}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        config: dict[str, Any] = json.loads(process.stdout.readline())
        yield config
    finally:
        process.terminate()
        process.wait()


def requests_so_far(config: dict[str, Any]) -> int:
    return len(requests.get(f"{config['host']}/_emulator/requests", timeout=60).json())


def main() -> None:
    parser = ArgumentParser()
    for name in ("rows", "bots", "days", "payload"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--transfer", choices=TRANSFERS, default="length")
    options = parser.parse_args()
    now = datetime.now(timezone.utc).replace(microsecond=0)
    end = now - timedelta(days=1)
    start = end - timedelta(days=options.days)
    per_bot = options.rows // options.bots
    logs = {
        bot: EvenLog(bot, start, end, per_bot, options.payload)
        for bot in (f"st-00000000-0000-5000-8000-{number:012d}" for number in range(options.bots))
    }
    # The CDK's own JWT authenticator gives no `jti`, so a token may be used again.
    SendingEmulator.transfer = options.transfer
    with SendingEmulator(logs, Reading(reject_reused_jti=False), now=now) as server:
        config = server.config(start_date=f"{start:%Y-%m-%dT%H:%M:%SZ}")
        print(json.dumps(config), flush=True)
        stopped = Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        stopped.wait()


if __name__ == "__main__":
    main()
