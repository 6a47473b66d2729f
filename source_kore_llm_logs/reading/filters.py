"""Filters are seen to work.

The vendor's page spells two filters in two ways [D], and a server that does not know a key may ignore it: then somebody
would get rows that were not chosen. Whether a filter took effect is seen from the rows:

- Where rows and chosen values disagree (stripped, case-folded), the same page is asked for without the filter. If the
  same rows come, the server ignored it.
- For `channel_user_ids` no column tells, so that is done once for the first page.
- Rows may also differ because they moved, and be the same because all are chosen. So a value that nobody has is asked
  for: rows mean that the filter is ignored; none, that it took effect, whatever the column's spelling. A refusal of
  that value is no proof, but only a server that reads the filter can refuse it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from source_kore_llm_logs.reading.fetch import Row

COLUMNS = {
    "channels": "channel_name",
    "feature_names": "feature_name",
    "task_id": "task_id",
    "user_ids": "user_id",
}
"""Field of the configuration -> the record's column that tells whether it took effect."""
NOBODY = "nobody-1f0c6a52-not-a-user"
"""A value that no user has."""


def is_told_by_a_column(field: str) -> bool:
    """Whether rows show if this filter, as the configuration names it, took effect."""
    return field in COLUMNS


def disagreement(filters: Mapping[str, Any], rows: Sequence[Row]) -> str | None:
    """The first filter that a row does not fit, as the configuration names it; None if all rows fit all filters."""
    for field, column in COLUMNS.items():
        if field not in filters:
            continue
        chosen = filters[field]
        wanted = {_folded(value) for value in ([chosen] if isinstance(chosen, str) else chosen)}
        if any(_folded(row.record.get(column)) not in wanted for row in rows):
            return field
    return None


def _folded(value: Any) -> str:
    return str("" if value is None else value).strip().casefold()
