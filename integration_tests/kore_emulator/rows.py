"""A believable log, the same for the same seed, with every oddity a connector must live through."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from .behaviour import DAY, EPOCH, HOUR, iso
from .payloads import GUARDRAIL_MODEL, MODELS, SAMPLES, Model, error_payload, make_call

_HUGE_PAYLOAD_BYTES = 1_000_000
_FEATURES, _CHANNELS = (tuple(zip(*SAMPLES[name], strict=True)) for name in ("features", "channels"))
"""Their names, and the weight of each."""
_MODELS = (MODELS, [model.weight for model in MODELS])
_USER_WEIGHTS = [1 / (rank + 3) for rank in range(200)]
_FAILURE_RATE = 0.04
DEMO_BOTS = (
    "st-4c1f6a52-7f0e-5d3b-9a41-0e6b2f7d8c11",
    "st-8e92d7b0-13c4-5a6f-b2d8-5f7a1c9e4b22",
    "st-d35b08fe-62a9-57c1-8e04-9b3c6d1f7a33",
)


def generate_rows(
    bot_id: str, start: datetime, end: datetime, count: int, seed: int, *, payload_bytes: int = 600
) -> list[dict[str, Any]]:
    """`count` different rows of calls that end in [start, end), oldest first.

    The oddities come at fixed places, so that even a short log has them: shared milliseconds, midnights and
    calls across them, rows without an "End Date", and, from 500 rows on, one payload of about a megabyte.
    """
    random = Random(f"{seed}:{bot_id}")
    first_ms, after_ms = _ms(start), _ms(end)
    ends = _busy_moments(random, first_ms, after_ms, count)
    midnights = range(-(-(first_ms + 1) // DAY) * DAY, after_ms - 60_000, DAY)
    cast = _Cast(random)
    rows = []
    for place, ends_at in enumerate(ends):
        odd = place % 400
        if midnights and odd in (7, 13, 27):
            midnight = midnights[random.randrange(len(midnights))]
            # Ends at midnight, straddles it, starts at it.
            ends_at = midnight + {7: 0, 13: random.randrange(1, 900), 27: 0}[odd]
        elif place % 150 in (31, 32):
            ends_at = ends[place - place % 150 + 30]
        size = _HUGE_PAYLOAD_BYTES if count >= 500 and place == count // 2 else payload_bytes
        row, taken = cast.row(bot_id, ends_at, size)
        starts_at = ends_at - max(taken, 1000) if midnights and odd == 13 else ends_at - taken
        if midnights and odd == 27:
            starts_at, ends_at = ends_at, min(ends_at + taken, after_ms - 1)
        starts_at = max(starts_at, first_ms)
        row["start Date"], row["End Date"] = iso(starts_at), iso(ends_at)
        row["Time Taken"] = ends_at - starts_at
        if place % 333 == 50:
            del row["End Date"]
            row["start Date"] = iso(ends_at)
            row["Time Taken"] = None
        rows.append((ends_at, place, row))
    return [row for _, _, row in sorted(rows)]


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _busy_moments(random: Random, first_ms: int, after_ms: int, count: int) -> list[int]:
    """Moments that follow office hours: few at night, fewer at weekends."""
    hours = range(first_ms // HOUR, (after_ms - 1) // HOUR + 1)
    weights = []
    for hour in hours:
        covered = min((hour + 1) * HOUR, after_ms) - max(hour * HOUR, first_ms)
        weekday, of_day = (hour // 24 + 3) % 7, hour % 24
        busy = 10 if 8 <= of_day < 18 else 4 if 6 <= of_day < 22 else 1
        weights.append(covered * busy * (0.3 if weekday >= 5 else 1))
    moments = []
    for hour in random.choices(hours, cum_weights=list(accumulate(weights)), k=count):
        begin = max(hour * HOUR, first_ms)
        moments.append(random.randrange(begin, min((hour + 1) * HOUR, after_ms)))
    return sorted(moments)


class _Cast:
    """The bot's users, tasks and models, and how one of their calls becomes a row."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._users = [f"u-{_guid(random)}" for _ in _USER_WEIGHTS]
        self._tasks = [(f"dg-{_guid(random)}", name) for name in SAMPLES["tasks"]]

    def row(self, bot_id: str, at_ms: int, payload_bytes: int) -> tuple[dict[str, Any], int]:
        """A row but for its dates, and how many milliseconds its call took."""
        random = self._random
        feature = random.choices(*_FEATURES)[0]
        is_scan = feature == "Guardrails" and payload_bytes < _HUGE_PAYLOAD_BYTES
        model: Model = GUARDRAIL_MODEL if is_scan else random.choices(*_MODELS)[0]
        taken = max(5, int(model.median_ms * random.lognormvariate(0, 0.55)))
        call = make_call(random, model.api_name, at_ms // 1000, payload_bytes)
        request, response = model.exchange(random, call)
        failed = random.random() < _FAILURE_RATE
        status = random.choice((429, 500, 401)) if failed else 200
        response = error_payload(model, status, call) if failed else response
        counted = model.counts_tokens and not failed
        user = random.choices(self._users, _USER_WEIGHTS)[0]
        task_id, task = random.choice(self._tasks)
        prompt = "Default" if random.random() < 0.8 else f"{feature} v{random.randrange(2, 6)}"
        node = feature.replace(" ", "")
        row: dict[str, Any] = {
            "Prompt Name": prompt,
            "Integration": model.integration,
            "start Date": "",
            "End Date": "",
            "Time Taken": taken,
            "statusCode": status,
            "Bot ID": bot_id,
            "User ID": user,
            "Feature Name ": feature,
            "Model Name": model.name,
            "Channel Name": random.choices(*_CHANNELS)[0],
            "Description": f"{task}-{node}{random.randrange(1, 30):04d}",
            "task Id": task_id,
            "Status": "Failure" if failed else "Success",
            "Payload Details": {"Prompt Name": prompt, "Request Payload": request, "Response Payload": response},
        }
        if not is_scan:
            row["Payload Details"]["Request Tokens"] = call["request_tokens"] if counted else None
            row["Payload Details"]["Response Tokens"] = call["response_tokens"] if counted else None
        is_identified = failed or model.shape not in ("guardrail", "bedrock", "text")
        if not is_identified or random.random() < 0.7:
            row["Session ID"] = f"{random.getrandbits(96):024x}"
        if random.random() < 0.4:
            row["Language"] = random.choice(SAMPLES["languages"])
        if random.random() < 0.2:
            row["TTFT"] = max(1, taken // random.randrange(2, 6))
        if random.random() < 0.3:
            row["Conversation ID"] = f"c-{random.getrandbits(28):07x}"
        if random.random() < 0.1:
            row["Channel User ID"] = f"29:{user[2:10]}"
        return row, taken


def _guid(random: Random) -> str:
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def even_rows(bot_id: str, start: datetime, end: datetime, count: int) -> list[dict[str, Any]]:
    """`count` different rows of some 200 bytes that end in (start, end], oldest first, at even distances, the last at
    `end`. 100,000 of them are made and logged in a second or two."""
    last_ms, step_ms = int(end.timestamp() * 1000), (end - start).total_seconds() * 1000 / count
    return [
        {
            "start Date": iso(ends_at - 900),
            "End Date": iso(ends_at),
            "Time Taken": 900,
            "Bot ID": bot_id,
            "Channel Name": "rtm",
            "Description": f"row {number}",
            "Status": "Success",
        }
        for number in range(count)
        for ends_at in [last_ms - int((count - 1 - number) * step_ms)]
    ]
