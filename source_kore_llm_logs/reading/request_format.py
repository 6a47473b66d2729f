"""When a page is the last, and how a page is asked for.

The API gives no total and no "more" flag [D], and may give fewer rows than `limit` without a word [I]. So a page
shorter than `limit` proves nothing: a window ends at an empty page, or at a page smaller than one which this
server has already given in this sync.

How `limit` and the dates must be written is not clear either: samples send `limit` as a string and plain dates
[D], the known client also sends full timestamps [C]. A server that refuses one form (412) is asked once with the
next; the form that worked is kept for the sync.

Every request counts against a limit, so a page that came as full as it was asked for is followed by one of twice as
many rows, as long as it does not get large in bytes, and until the server gives no more, or fails, or says no.
"""

import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import product
from threading import Lock
from typing import Any

from source_kore_llm_logs.errors import PageTooLarge, RequestRefused
from source_kore_llm_logs.records.timestamps import iso_ms

logger = logging.getLogger("airbyte")

SUSPICIOUS_DEPTH = 500
"""From this `skip` on, a full page followed by an empty one may be a ceiling of the server and not the end."""
ROUND_DEPTH = 1_000
DOCUMENTED_LIMIT = 50
FIRST_LIMIT, LARGEST_LIMIT = 1_000, 10_000
LARGEST_GROWN_BYTES = 8 * 1024 * 1024
PAGES_BEFORE_A_LARGER = 20
"""A page that was too large may have been so for its rows, or for a bad moment: larger ones are tried again."""


@dataclass(frozen=True)
class Form:
    """One way to write a request."""

    limit: int
    limit_as: str = "string"
    dates: str = "milliseconds"
    date_to: str = "padded"

    def date(self, moment: datetime) -> str:
        if self.dates == "day":
            return moment.strftime("%Y-%m-%d")
        if self.dates == "seconds":
            return moment.strftime("%Y-%m-%dT%H:%M:%S")
        return iso_ms(moment)

    def number(self, value: int) -> str | int:
        return str(value) if self.limit_as == "string" else value

    def body(self, limit: int, date_from: datetime, date_to: datetime, skip: int) -> dict[str, Any]:
        """The part of the request body that differs from page to page."""
        return {
            "dateFrom": self.date(date_from),
            "dateTo": self.date(date_to),
            "limit": self.number(limit),
            "skip": self.number(skip),
        }

    def __str__(self) -> str:
        return f"limit {self.limit} as {self.limit_as}, dates to the {self.dates}, dateTo {self.date_to}"


def hints_of(words: str) -> set[str]:
    """The fields of `Form` that the vendor's words in a refusal point at."""
    said = words.lower()
    kind = bool(re.search("string|integer|number", said))
    hints = {
        "date_to": "future" in said,
        "dates": "format" in said or "yyyy" in said,
        "limit": "limit" in said and not kind,
        "limit_as": kind,
    }
    return {name for name, hinted in hints.items() if hinted}


def forms_after(first: Form, words: str) -> Iterator[Form]:
    """All other forms, the fewest changes first; those that the vendor's words hint at before the others."""
    hints = hints_of(words)
    named = [int(n) for n in re.findall(r"\d{1,5}", words)] if "limit" in hints else []
    limits = [n for n in (*named, 500, 200, 100, DOCUMENTED_LIMIT) if 0 < n < first.limit]
    choices: dict[str, list[Any]] = {
        "date_to": ["padded", "now"],
        "dates": ["milliseconds", "day", "seconds"],
        "limit": list(dict.fromkeys([first.limit, *limits])),
        "limit_as": ["string", "integer"],
    }
    ranked = []
    for values in product(*choices.values()):
        form = replace(first, **dict(zip(choices, values, strict=True)))
        changed = [f.name for f in fields(Form) if getattr(form, f.name) != getattr(first, f.name)]
        if "limit" in changed and len(changed) > 1 and form.limit not in (*named, DOCUMENTED_LIMIT):
            continue  # Each size with each other change would be sixty requests, a minute's budget.
        order = sum(choices[name].index(value) for name, value in zip(choices, values, strict=True))
        ranked.append(((len(changed), -len(hints.intersection(changed)), order), form))
    return (form for _, form in sorted(ranked, key=lambda item: item[0]) if form != first)


class Server:
    """What this sync has learned about the server; shared by all windows and threads.

    `page_size` is the most that is ever asked for; None leaves it to the server.
    """

    def __init__(self, page_size: int | None = None):
        self.form = Form(limit=page_size or FIRST_LIMIT)
        self.limit = self.form.limit
        self.answered_limit = 0
        """The largest `limit` that was answered with a page."""
        self._most = page_size or LARGEST_LIMIT
        self.capacity = 0
        self.deepest = 0
        """The highest `skip` that it answered with rows: to that depth it has no ceiling."""
        self.ceiling = sys.maxsize
        """The lowest `skip` that it did not answer with rows that are there."""
        self.proved: dict[str, bool] = {}
        """For each way to write dates (`Form.dates`): whether rows of the bounds' own days are given. -> padding.py"""
        self._first = self.form
        self._refused: set[Form] = set()
        self._pages = 0
        self._lock = Lock()

    def ends(self, rows: int, limit: int, size: int = 0) -> tuple[bool, bool]:
        """Whether a page of so many rows and bytes proves that there are no more, and whether it was full.

        Learns from its size.
        """
        with self._lock:
            last = rows < min(limit, self.capacity)
            self.capacity = max(self.capacity, rows)
            self._pages += 1
            if self._pages % PAGES_BEFORE_A_LARGER == 0 and self.limit < self._first.limit:
                self.limit = min(2 * self.limit, self._first.limit)
            elif rows == limit == self.limit >= self._first.limit and 2 * size <= LARGEST_GROWN_BYTES:
                self.limit = max(self.limit, min(2 * limit, self._most))
            return last, rows >= min(limit, self.capacity)

    def answers(self, limit: int) -> None:
        """A page was given to this `limit`."""
        with self._lock:
            self.answered_limit = max(self.answered_limit, limit)

    def takes_back(self, limit: int) -> bool:
        """Whether a refusal of this `limit` means that it has grown too large; then it is asked for no more."""
        with self._lock:
            if not 0 < self.answered_limit < limit:
                return False
            self.limit = self._most = self.answered_limit
            return True

    def part_of_a_page(self, number: int) -> int | None:
        """0 is a whole page (None); 1 to 7 are all eighths of a page in rows, neighbours far apart."""
        eighths = 5 * number % 8
        return max(1, min(self.limit, self.capacity) * eighths // 8) if eighths else None

    def stops_at(self, skip: int) -> None:
        with self._lock:
            if skip < self.ceiling:
                self.ceiling = skip
                logger.info("The API does not page beyond %d rows; deeper windows are read in parts.", skip)

    def shrink(self, limit: int, too_large: PageTooLarge) -> None:
        """Asks for half as many rows from now on. Raises `too_large` if it was one row."""
        with self._lock:
            if limit == 1:
                raise too_large
            if self.limit >= limit:
                self.limit, self._pages = limit // 2, 0
                self._most = max(self.limit, self._first.limit)
                logger.info("%s Now asking for %d rows at once.", too_large.message, self.limit)

    def refuse(self, form: Form, refusal: RequestRefused) -> None:
        """Goes to the next form.

        Raises the refusal itself if every form was refused: then it is not the form.
        """
        with self._lock:
            self._refused.add(form)
            if self.form != form:
                return
            # Words that name the fault also say that all else in this form is right.
            base = form if hints_of(refusal.words) else self._first
            for following in forms_after(base, refusal.words):
                if following not in self._refused:
                    self.form = following
                    self.limit = min(self.limit, following.limit)
                    if following.limit < self._first.limit:
                        self._most = following.limit
                    logger.info("The API refused a request (%s); now asking with %s.", refusal.words, following)
                    return
        raise refusal
