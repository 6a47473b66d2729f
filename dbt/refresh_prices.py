"""Merges a price map of LiteLLM into a table of prices, `seeds/kore_llm_public_prices.csv` unless another is named.

    python dbt/refresh_prices.py                                    # the newest map, downloaded, holds from today
    python dbt/refresh_prices.py FILE --day 2025-08-01              # a map that is here holds from its own day
    python dbt_packages/kore_llm_logs/refresh_prices.py --table seeds/my_prices.csv     # in a project of yours

A table that is not there yet begins as a copy of the package's. Nothing is dropped: a price that changed holds until
the day of the map that changed it, and a model that a map has no more keeps its last price. Maps may come in any order.
Mistakes of the map are left out: an input that costs more than the output, and a price fifty times that of the map
before or after (a unit that was mixed up).

Kept: models that answer in text, and embeddings and rerankers that are paid by the token, of the providers that the
column `provider` of the log can name, in OpenTelemetry's words. A model is known by its provider's name for it. Prices
that rise with the size of the prompt (`input_cost_per_token_above_200k_tokens`) are lines of their own. Left out:
batch, flex and priority rates, data zones and committed rates of one region, audio, pictures, and prices of zero, which
the map also writes for "not known". The output of an embedding costs 0.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

MAP = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json"
TABLE = Path(__file__).parent / "seeds" / "kore_llm_public_prices.csv"
# The beginning of the map's `litellm_provider`, and the provider in OpenTelemetry's words.
PROVIDERS = {
    "openai": "openai", "text-completion-openai": "openai", "azure": "azure.ai.openai", "azure_text": "azure.ai.openai",
    "azure_ai": "azure.ai.inference", "anthropic": "anthropic", "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock", "vertex_ai": "gcp.vertex_ai", "gemini": "gcp.gemini", "mistral": "mistral_ai",
    "cohere": "cohere", "cohere_chat": "cohere", "deepseek": "deepseek", "groq": "groq", "xai": "x_ai",
    "perplexity": "perplexity", "watsonx": "ibm.watsonx.ai", "moonshot": "moonshot_ai", "voyage": "voyage",
    "ai21": "ai21",
}  # fmt: skip
# These put the maker of a model that is not their own between their name and the model's.
WITH_MAKERS = ("groq", "watsonx", "vertex_ai")
ANSWERS, INPUT_ONLY = ("chat", "responses", "completion"), ("embedding", "rerank")
PRICES = {
    "input_usd_per_million": "input_cost_per_token",
    "cache_read_usd_per_million": "cache_read_input_token_cost",
    "cache_write_usd_per_million": "cache_creation_input_token_cost",
    "output_usd_per_million": "output_cost_per_token",
    "reasoning_usd_per_million": "output_cost_per_reasoning_token",
}
KEY = ("provider", "model", "valid_from")
COLUMNS = (*KEY, "valid_until", "prompt_tokens_above", *PRICES)
TIER = re.compile(r"input_cost_per_token(_above_(\d+)k_tokens)")
Price = tuple[tuple[str, ...], ...]
"""What a model costs: a line for each step of the prompt's size, the size and then PRICES, as text."""


def prices_of(price_map: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], Price]:
    """Provider and model -> price. Of two entries for one model, the one with the shorter route."""
    found: dict[tuple[str, str], tuple[int, str, str, Price]] = {}
    for name, entry in price_map.items():
        *routes, model = name.split("/")
        litellm = re.sub(r"^vertex_ai-.*", "vertex_ai", entry.get("litellm_provider") or "")
        provider = PROVIDERS.get(litellm)
        price = _price(model, entry)
        if provider is None or price is None or len(routes) > 1 + (litellm in WITH_MAKERS):
            continue
        if provider == "perplexity" and not model.startswith(("sonar", "pplx", "r1-")):
            continue  # What it sells of others, under names that others use.
        key = (provider, price_key(model))
        if key not in found or (len(routes), name) < found[key][:2]:
            found[key] = (len(routes), name, model, price)
    return {(provider, model): price for (provider, _), (_, _, model, price) in found.items()}


def price_key(model: str) -> str:
    """The name by which models are compared: the macro `price_key` does the same in SQL."""
    return re.sub(r"[ ._@-]+", "-", re.sub(r"[()]", " ", model).strip().lower().rsplit("/", 1)[-1])


def _price(model: str, entry: Mapping[str, Any]) -> Price | None:
    mode, base = entry.get("mode"), {column: entry.get(name) for column, name in PRICES.items()}
    if mode in INPUT_ONLY:
        if not re.search("embed|rerank|voyage", model.lower()):
            return None  # The map has called gemini-1.5-flash an embedding.
        base["output_usd_per_million"] = base["output_usd_per_million"] or 0
    is_priced = base["input_usd_per_million"] and (base["output_usd_per_million"] or mode in INPUT_ONLY)
    if mode not in (*ANSWERS, *INPUT_ONLY) or not is_priced:
        return None
    tiers = {0: ""} | {1000 * int(m[2]): m[1] for m in map(TIER.fullmatch, entry) if m}
    steps = {
        above: {column: entry.get(name + suffix) or base[column] for column, name in PRICES.items()}
        for above, suffix in sorted(tiers.items())
    }
    if mode in ANSWERS and any(
        step["input_usd_per_million"] > step["output_usd_per_million"] for step in steps.values()
    ):
        return None
    return tuple((str(above), *map(_per_million, step.values())) for above, step in steps.items())


def _per_million(price: float | None) -> str:
    return "" if price is None else f"{(Decimal(str(price)) * 1_000_000).quantize(Decimal('0.000001')).normalize():f}"


def merged(table: list[dict[str, str]], prices: Mapping[tuple[str, str], Price], day: date) -> list[dict[str, str]]:
    """The table with what a map of that day says; sorted."""
    history: dict[tuple[str, str], dict[str, Price]] = {}
    for (provider, model, first), lines in groupby(table, key=lambda line: tuple(line[name] for name in KEY)):
        steps = tuple((line["prompt_tokens_above"], *(line[name] for name in PRICES)) for line in lines)
        history.setdefault((provider, model), {})[first] = steps
    spellings = {(provider, price_key(model)): (provider, model) for provider, model in history}
    for (provider, model), price in prices.items():
        days = history.setdefault(spellings.get((provider, price_key(model)), (provider, model)), {})
        before = max((first for first in days if first <= day.isoformat()), default=None)
        after = min((first for first in days if first > day.isoformat()), default=None)
        if before is not None and days[before] == price:
            continue
        if after is not None and days[after] == price:
            del days[after]  # It holds since the earlier day.
        days[day.isoformat()] = price
        _leave_out_mistakes(days)
    return list(_lines(history))


def _leave_out_mistakes(days: dict[str, Price]) -> None:
    firsts = sorted(days)
    for first, second in pairwise(firsts):
        costs = Decimal(days[first][0][1]), Decimal(days[second][0][1])
        if min(costs) * 50 <= max(costs):
            right = days[first if costs[0] < costs[1] else second]
            del days[second]
            days[first] = right
            return


def _lines(history: Mapping[tuple[str, str], Mapping[str, Price]]) -> Iterator[dict[str, str]]:
    for (provider, model), days in sorted(history.items()):
        firsts = sorted(days)
        for first, until in zip(firsts, [*firsts[1:], ""], strict=True):
            for step in days[first]:
                yield dict(zip(COLUMNS, (provider, model, first, until, *step), strict=True))


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", nargs="?", type=Path, help="the map; without, the newest is downloaded")
    today = datetime.now(timezone.utc).date()
    arguments.add_argument("--day", type=date.fromisoformat, default=today, help="the day of the map; default: today")
    arguments.add_argument("--table", type=Path, default=TABLE, help="the table; default: the package's own")
    given = arguments.parse_args()
    content = given.file.read_bytes() if given.file else urllib.request.urlopen(MAP, timeout=60).read()
    start = next((path for path in (given.table, TABLE) if path.exists()), None)
    lines = merged(read_table(start) if start else [], prices_of(json.loads(content)), given.day)
    with given.table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    sys.stdout.write(
        f"{given.table}: {len(lines):,} lines, {len({(line['provider'], line['model']) for line in lines}):,} models\n"
    )


if __name__ == "__main__":
    main()
