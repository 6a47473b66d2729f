"""Memory stays within the limit that metadata.yaml asks for, while a reader of stdout stands still."""

import sys

import pytest

from benchmarks.emulator_process import TRANSFERS
from benchmarks.stalled_reader import LIMIT_MIB, stalled_read

pytestmark = [pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"), pytest.mark.waits]


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_twelve_bots_of_large_rows_stay_well_within_the_limit_while_nobody_reads(transfer: str) -> None:
    """600 MB wait in pages of 50 MB; without a budget, they are all read."""
    seen = stalled_read(transfer)
    assert seen.records == 1
    assert seen.standing < 0.75 * LIMIT_MIB  # On a busy machine, more requests are under way.
