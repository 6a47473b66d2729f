"""In which order a database gives rows that its sort does not tell apart, where only the first few are wanted.

A sort with a limit keeps the rows that are wanted in a heap. Which of the equal ones stay, and in which order they
leave it, follows from all the rows and from how many are wanted: `OFFSET` and `LIMIT` together. So the same request
gives the same rows, and another page shows another order. Written after PostgreSQL's tuplesort.c, with which
`test_real_engines.py` compares it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def first_in_heap_order(rows: Sequence[tuple[int, Row]], wanted: int) -> list[tuple[int, Row]]:
    """The first `wanted` of these rows by their keys, in the order in which a heap of that size gives them."""
    heap: list[tuple[int, Row]] = []
    for row in rows:
        if len(heap) < wanted:
            _insert(heap, row)
        elif row[0] < heap[0][0]:
            _replace_top(heap, row, len(heap))
    for last in range(len(heap) - 1, 0, -1):
        top = heap[0]
        _replace_top(heap, heap[last], last)
        heap[last] = top
    return heap


def _insert(heap: list[tuple[int, Row]], row: tuple[int, Row]) -> None:
    heap.append(row)
    hole = len(heap) - 1
    while hole and heap[(hole - 1) // 2][0] < row[0]:
        heap[hole] = heap[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[hole] = row


def _replace_top(heap: list[tuple[int, Row]], row: tuple[int, Row], size: int) -> None:
    """The largest key is at the top; only the first `size` rows are the heap."""
    hole = 0
    while (child := 2 * hole + 1) < size:
        if child + 1 < size and heap[child][0] < heap[child + 1][0]:
            child += 1
        if row[0] >= heap[child][0]:
            break
        heap[hole] = heap[child]
        hole = child
    heap[hole] = row
