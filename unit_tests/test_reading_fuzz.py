"""Every row once, or an error where the table of promises allows one: the reader against made-up servers."""

import os

from hypothesis import HealthCheck, given, settings

from unit_tests.simulated.driver import assert_read
from unit_tests.simulated.scenario import Scenario
from unit_tests.simulated.strategies import servers

EXAMPLES = 200_000 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 5_000


@settings(
    max_examples=int(os.environ.get("EXAMPLES", EXAMPLES)),
    deadline=None,
    derandomize=os.environ.get("HYPOTHESIS_PROFILE") != "fuzz",
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    report_multiple_bugs=False,
)
@given(servers())
def test_no_row_is_lost_in_silence_and_none_comes_twice(scenario: Scenario) -> None:
    assert_read(scenario)
