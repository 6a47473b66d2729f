"""No word of a prompt or answer leaves the connector with `payload_content: redacted`, in records, state or logs."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from integration_tests.command import catalog_of, run
from integration_tests.kore_emulator import NOW, Emulator, generate_rows
from source_kore_llm_logs.records.providers import GATEWAY_ERRORS

SHAPES = Path(__file__).parents[1] / "unit_tests" / "fixtures" / "payloads"
BOT = "st-alpha"


def words(value: Any) -> Iterator[str]:
    """Every key and every text of a value, and of the JSON that a text holds, whole or in the lines of a stream."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words(inner)
    elif isinstance(value, str):
        yield value
        for line in value.split("\n"):
            try:
                yield from words(json.loads(line.removeprefix("data:")))
            except ValueError:
                continue


def test_a_redacted_sync_prints_no_word_of_any_payload_even_when_debugging() -> None:
    shapes = [json.loads(path.read_text()) for path in sorted(SHAPES.glob("*.json"))]
    rows = generate_rows(BOT, NOW - timedelta(days=2), NOW - timedelta(minutes=5), len(shapes), seed=1)
    for row, shape in zip(rows, shapes, strict=True):
        row |= {"Status": "Failure", "statusCode": 500, **shape.get("row", {})}
        row["Payload Details"] = {"Request Payload": shape["request"], "Response Payload": shape["response"]}
    with Emulator({BOT: rows}) as emulator:
        config = {**emulator.config(), "payload_content": "redacted"}
        outcome = run("read", "--debug", config=config, catalog=catalog_of(config, "incremental"))
    assert outcome.code == 0
    assert len(outcome.ids) == len(shapes)
    texts = {word for shape in shapes for word in words([shape["request"], shape["response"]]) if " " in word}
    texts -= {*GATEWAY_ERRORS}
    assert len(texts) > 80
    printed = outcome.stdout + outcome.stderr
    for text in texts:
        assert text not in printed
        assert orjson.dumps(text).decode()[1:-1] not in printed
        assert json.dumps(text)[1:-1] not in printed
