"""Every row once, or an error where the table of promises allows one: the reader against made-up servers."""

import os

import pytest

from unit_tests.simulated.driver import assert_read
from unit_tests.simulated.scenario import Scenario
from unit_tests.simulated.strategies import drawn, smallest

EXAMPLES = int(os.environ.get("EXAMPLES", "5000"))
SHARES = 20
"""Tests that may run side by side."""
FIRST = int(os.environ.get("SEED", "0"))
"""The number that the first scenario follows from; `make fuzz` draws it."""


def failure(told: Scenario) -> str | None:
    try:
        assert_read(told)
    except AssertionError as error:
        return str(error)
    return None


@pytest.mark.parametrize("share", range(SHARES))
def test_no_row_is_lost_in_silence_and_none_comes_twice(share: int) -> None:
    for seed in range(FIRST + share, FIRST + EXAMPLES, SHARES):
        told = drawn(seed)
        if found := failure(told):
            told = smallest(told, lambda other: (failure(other) or "")[:20] == found[:20])
            pytest.fail(f"drawn({seed}): {failure(told)}\n{told}")
