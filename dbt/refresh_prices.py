"""Writes `seeds/kore_llm_public_prices.csv` anew from LiteLLM's price map, with a note of where it came from.

    python dbt/refresh_prices.py                        # downloads the newest map
    python dbt/refresh_prices.py FILE --version VERSION # a map that is already here, and which one it is

Kept: models that answer in text (modes chat, responses and completion) and have a price for input and output. A model
is known by its provider's name for it. Where the map has that name only below a route (`vertex_ai/claude-3-5-sonnet`),
the first of ROUTES that has it gives the price. Prices that rise with the size of the prompt
(`input_cost_per_token_above_200k_tokens`) become lines of their own. Left out: batch, flex and priority rates, regions,
audio, pictures, and prices of zero, which the map also writes for "not known".
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

MAP = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json"
SEEDS = Path(__file__).parent / "seeds"
MODES = ("chat", "responses", "completion")
ROUTES = ("azure", "gemini", "vertex_ai", "mistral", "cohere", "xai", "deepseek")
PRICES = {
    "input_usd_per_million": "input_cost_per_token",
    "cache_read_usd_per_million": "cache_read_input_token_cost",
    "cache_write_usd_per_million": "cache_creation_input_token_cost",
    "output_usd_per_million": "output_cost_per_token",
    "reasoning_usd_per_million": "output_cost_per_reasoning_token",
}
COLUMNS = ("model", "provider", "prompt_tokens_above", *PRICES)
TIER = re.compile(r"input_cost_per_token(_above_(\d+)k_tokens)")
NOTE = """{{% docs kore_llm_public_prices %}}
US dollars for a million tokens, as the providers publish them, reduced from
[LiteLLM's price map](https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json)
({version}, read on {day}, SHA-256 of the file `{digest}`), which is under the MIT licence,
copyright (c) 2023 Berri AI. {count} lines. `python dbt/refresh_prices.py` writes this file and the table anew.

They are the prices of that day, for calls of every day. Prices of your own contract, and prices with a first day, go
into the variable `kore_llm_own_prices`.
{{% enddocs %}}
"""


def key(model: str) -> str:
    """The name by which models are compared: the macro `price_key` does the same in SQL."""
    return re.sub(r"[ ._@]", "-", model.rsplit("/", 1)[-1].strip().lower())


def lines(price_map: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The table's lines, in order of the models' names."""
    chosen: dict[str, tuple[int, str, Mapping[str, Any]]] = {}
    for name, entry in price_map.items():
        *routes, model = name.split("/")
        route = 0 if not routes else 1 + ROUTES.index(routes[0]) if len(routes) == 1 and routes[0] in ROUTES else None
        is_priced = entry.get("input_cost_per_token") and entry.get("output_cost_per_token")
        if route is None or entry.get("mode") not in MODES or not is_priced:
            continue
        known = chosen.get(key(model))
        if known is None or (route, model) < known[:2]:
            chosen[key(model)] = (route, model, entry)
    return sorted(
        (line for _, model, entry in chosen.values() for line in _tiers(model, entry)),
        key=lambda line: (line["model"], line["prompt_tokens_above"]),
    )


def _tiers(model: str, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    base = {column: entry.get(name) for column, name in PRICES.items()}
    tiers = {0: ""} | {1000 * int(m[2]): m[1] for m in map(TIER.fullmatch, entry) if m}
    for above, suffix in tiers.items():
        prices = {column: entry.get(name + suffix) or base[column] for column, name in PRICES.items()}
        millions = {column: _per_million(price) for column, price in prices.items()}
        yield {"model": model, "provider": entry["litellm_provider"], "prompt_tokens_above": above, **millions}


def _per_million(price: float | None) -> str:
    return f"{(Decimal(str(price)) * 1_000_000).quantize(Decimal('0.000001')).normalize():f}" if price else ""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", nargs="?", type=Path, help="the map; without, the newest is downloaded")
    arguments.add_argument("--version", default="branch main", help="which map FILE is, for example: litellm 1.110.2")
    given = arguments.parse_args()
    content = given.file.read_bytes() if given.file else urllib.request.urlopen(MAP, timeout=60).read()
    found = lines(json.loads(content))
    with (SEEDS / "kore_llm_public_prices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    note = NOTE.format(
        version=given.version,
        day=datetime.now(timezone.utc).date(),
        digest=hashlib.sha256(content).hexdigest(),
        count=f"{len(found):,}",
    )
    (SEEDS / "kore_llm_public_prices.md").write_text(note, encoding="utf-8")
    sys.stdout.write(f"{len(found)} lines\n")


if __name__ == "__main__":
    main()
