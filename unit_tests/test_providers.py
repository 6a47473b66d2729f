"""What payloads say of a call means the same for every provider: its tokens, its answer, its failure, who served it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_kore_llm_logs.records import providers
from source_kore_llm_logs.records.identity import OTHER_NAMES, fold, folded
from source_kore_llm_logs.records.payloads import decode_payload
from source_kore_llm_logs.records.redaction import ERRORS
from unit_tests.test_payloads import FIXTURES, FOLDER, OF_A_CALL, answered

COUNTED, ANSWERED, FAILED, ASKED = (
    [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    for name in ("token_counts", "answers", "errors", "requests")
)
"""What each provider's own reference shows, and the columns that it fills."""


def tokens_of(response: Any, redact: bool = False, **counts: Any) -> list[int | None]:
    record = answered(response, redact, counts=counts)
    return [record[column] for column in OF_A_CALL[:6]]


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: case["name"])
def test_every_providers_counts_have_one_meaning_also_as_text_and_redacted(case: dict[str, Any]) -> None:
    response = case["response"]
    text = response if isinstance(response, str) else json.dumps(response)
    for written in (response, text, json.dumps(text), {"statusCode": 200, "body": text}):
        assert tokens_of(written) == case["tokens"]
    assert tokens_of(response, redact=True) == case["tokens"]


def test_counts_that_the_log_has_itself_win_and_the_total_is_theirs() -> None:
    response = {"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}
    assert tokens_of(response, **{"Request Tokens": 100, "Response Tokens": "50"})[:3] == [100, 50, 150]
    assert tokens_of(response, **{"Request Tokens": 100})[:3] == [100, 5, 105]


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["name"])
def test_the_model_that_answered_and_why_it_stopped_are_found_in_every_shape(case: dict[str, Any]) -> None:
    record = answered(case["response"])
    assert (record["response_model"], record["finish_reason"]) == (case["model"], case["reason"])
    assert record["response_id"] == case.get("id", record["response_id"])


@pytest.mark.parametrize("case", ASKED, ids=lambda case: case["name"])
def test_parameters_are_found_in_every_shape(case: dict[str, Any]) -> None:
    record = answered(None, request=case["request"])
    found = {name: record[name] for name in ("max_tokens", "temperature", "top_p")}
    assert {"model": record["request_model"], **found}.items() <= case.items()


def nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    yield node
    for inner in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in inner if isinstance(inner, tuple) else (inner,):
            yield from nodes(part)


@pytest.mark.parametrize("name", ["columns", "providers", "redaction"])
def test_a_table_holds_only_text_and_no_key_twice(name: str) -> None:
    # YAML takes `no`, `on` and `1.0` for something else, and of equal keys the last.
    root = yaml.compose((Path(providers.__file__).parent / f"{name}.yaml").read_text())
    for node in nodes(root):
        if isinstance(node, yaml.ScalarNode):
            assert node.tag == "tag:yaml.org,2002:str", node.value
        elif isinstance(node, yaml.MappingNode):
            assert len({key.value for key, _ in node.value}) == len(node.value)


def test_the_keys_of_a_table_are_folded_and_each_path_of_a_count_stands_once() -> None:
    paths = [path for paths in providers.TABLE["tokens"].values() for path in paths]
    assert len(paths) == len(providers.PATHS)
    lists = ("usages", "holders", "answers", "reasons", "reasons_inside", "models", "ids", "integrations",
             "error_kinds", "error_messages")  # fmt: skip
    keys = (key for name in lists for key in providers.TABLE[name])
    for key in [*paths, *providers.PARAMETER_KEYS, *OTHER_NAMES, *keys]:
        assert fold(key) == key


NAMES: dict[str, Any] = json.loads((FOLDER / "providers.json").read_text())
"""The well-known values of `gen_ai.provider.name`; and integrations, with the one of each."""


def test_every_name_is_one_of_opentelemetrys() -> None:
    given = {*providers.INTEGRATIONS.values(), *providers.ID_PREFIXES.values(), *providers.KEYS.values()}
    assert given <= set(NAMES["well known"])


@pytest.mark.parametrize(("integration", "name"), [*NAMES["integrations"].items(), (None, None)])
def test_an_integration_is_known_by_its_name_in_any_spelling(integration: str | None, name: str | None) -> None:
    assert providers.provider(integration, {}, None) == name


def test_the_integration_decides_before_the_shape() -> None:
    assert providers.provider("Azure OpenAI", {"usageMetadata": {}}, "msg_01") == "azure.ai.openai"


@pytest.mark.parametrize("shape", [shape for shape in FIXTURES if "provider_by_shape" in FIXTURES[shape]])
def test_without_a_known_integration_a_shape_tells_that_only_one_provider_has(shape: str) -> None:
    payload = FIXTURES[shape]["response"]
    for sent in (payload, payload if isinstance(payload, str) else json.dumps(payload)):
        response = decode_payload(sent) or {}
        response_id = providers.answer_of(folded(response))["response_id"]
        found = providers.provider("my-company-llm", response, response_id)
        assert found == FIXTURES[shape]["provider_by_shape"]


OPEN = "GenAI Gateway Circuit Open"


def failure_of(response: Any, redact: bool = False, **row: Any) -> tuple[str | None, str | None]:
    record = answered(response, redact, **row)
    return record["error_type"], record["error_message"]


@pytest.mark.parametrize("case", FAILED, ids=lambda case: case["name"])
def test_an_error_is_known_in_the_shape_of_every_provider(case: dict[str, Any]) -> None:
    assert failure_of(case["response"], **case.get("row", {})) == (case["kind"], case["message"])


def test_what_is_no_error_is_none() -> None:
    errors = [{"error": None}, {"error": []}, {"error": 5}, {"errors": [None]}, {"error": {}}]
    for response in (*errors, {"message": "Hello", "type": "message"}, {"choices": [{}]}, "Hello", None):
        assert failure_of(response) == (None, None)


@pytest.mark.parametrize(
    "row", [{"Status": "Failure"}, {"status": "FAILURE"}, {"statusCode": 504}, {"statusCode": "429"}]
)
def test_of_a_call_that_failed_a_text_or_a_bare_message_is_the_error(row: dict[str, Any]) -> None:
    assert failure_of("Timed out", **row) == (None, "Timed out")
    assert failure_of({"message": "Timed out", "code": "ETIMEDOUT"}, **row) == ("ETIMEDOUT", "Timed out")
    assert failure_of({"type": "message", "content": "Hello"}, **row) == (None, None)
    assert failure_of("Timed out", Status="Success", statusCode=200) == (None, None)


@pytest.mark.parametrize("reason", sorted(providers.GATEWAY_REASONS))
@pytest.mark.parametrize(
    "shape",
    [
        lambda reason: {"error": {"message": OPEN, "reason": reason, "code": 429}},
        lambda reason: {"error": {"type": OPEN, "reason": reason}},
        lambda reason: {"error": OPEN, "reason": reason},
        lambda reason: {"errors": [{"msg": OPEN, "reason": reason}]},
        lambda reason: {"message": OPEN, "reason": reason},
        lambda reason: {"error": {"message": OPEN}, "reason": reason},
    ],
)
def test_a_failure_of_the_gateway_is_known_by_its_reason_wherever_it_stands(shape: Any, reason: str) -> None:
    row = {"Status": "Failure", "statusCode": 429}
    assert failure_of(shape(reason), **row) == (reason, OPEN)
    assert failure_of(shape(reason), redact=True, **row) == (reason, None)
    assert answered(shape(reason), redact=True, **row)["response_payload"] == shape(reason)


def test_redacted_leaves_no_message_and_of_kinds_only_known_words() -> None:
    for kind in ("Zanzibar", "rate_limit_error of Zanzibar", 5):
        response = {"error": {"type": kind, "message": "Zanzibar"}}
        assert failure_of(response, redact=True) == (None, None)
    for kind in sorted(ERRORS - {"error"}):
        assert failure_of({"error": {"type": kind, "message": "Zanzibar"}}, redact=True) == (kind, None)
