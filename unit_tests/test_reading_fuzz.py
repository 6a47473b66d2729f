"""Every row, once, or an error: the reader against servers that do whatever the documentation does not rule out."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unit_tests.reading_driver import assert_read, read_all
from unit_tests.simulated_behaviour import MINUTE
from unit_tests.simulated_scenarios import servers
from unit_tests.simulated_server import Scenario

EXAMPLES = 200_000 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 5_000
LONGEST_CALL = 14 * MINUTE
"""The vendor's gateway gives a call up after a minute; the reader's padding allows for a quarter of an hour."""


@settings(
    max_examples=int(os.environ.get("EXAMPLES", EXAMPLES)),
    deadline=None,
    derandomize=os.environ.get("HYPOTHESIS_PROFILE") != "fuzz",
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    report_multiple_bugs=False,
)
@given(
    servers(longest_call=LONGEST_CALL),
    st.integers(1, 4),
    st.sampled_from([None, None, 1, 2, 7, 50]),
    st.integers(0, 99),
)
def test_no_row_is_lost_in_silence_and_none_comes_twice(
    scenario: Scenario, side_by_side: int, page_size: int | None, seed: int
) -> None:
    server = scenario.server()
    assert_read(scenario, server, read_all(scenario, server, side_by_side, page_size, seed))
