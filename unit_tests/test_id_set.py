"""A compact set answers as Python's own does."""

from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from source_kore_llm_logs.reading.id_set import FEWEST_SLOTS, IdSet

# Few different low bits, so that ids contend for the same places.
IDS = st.integers(0, 7).flatmap(lambda low: st.integers(0, 9).map(lambda high: f"{high:08x}{low:08x}" + "0" * 16))


@given(st.lists(IDS))
def test_each_id_is_new_once(ids: list[str]) -> None:
    mine, theirs = IdSet(), set()
    for one in ids:
        key = one if one[:16].strip("0") else "1".rjust(16, "0") + one[16:]
        assert (one in mine) == (key in theirs)
        assert mine.add(one) == (key not in theirs)
        theirs.add(key)
        assert len(mine) == len(theirs)


def test_it_keeps_every_id_while_it_grows() -> None:
    ids = [blake2b(str(n).encode(), digest_size=16).hexdigest() for n in range(20 * FEWEST_SLOTS)]
    known, others = IdSet(), ids[10 * FEWEST_SLOTS :]
    assert all(known.add(one) for one in ids[: 10 * FEWEST_SLOTS])
    assert all(one in known for one in ids[: 10 * FEWEST_SLOTS])
    assert not any(one in known for one in others)
    assert len(known) == 10 * FEWEST_SLOTS
