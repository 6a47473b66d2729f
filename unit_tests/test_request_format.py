"""When a page is the last, and which form of a request follows a refused one."""

import pytest

from source_kore_llm_logs.errors import PageTooLarge, RequestRefused
from source_kore_llm_logs.reading.request_format import PAGES_BEFORE_A_LARGER, Form, Server, forms_after


def test_a_short_page_is_the_last_only_if_the_server_has_given_a_larger_one() -> None:
    server = Server(page_size=100)
    assert [server.ends(rows, 100)[0] for rows in (7, 50, 50, 49)] == [False, False, False, True]


def test_a_full_page_of_a_smaller_limit_is_not_the_last() -> None:
    server = Server(page_size=100)
    server.ends(100, 100)
    assert server.ends(50, 50) == (False, True)
    assert server.ends(49, 50) == (True, False)


def test_a_page_that_was_too_large_is_halved_and_later_tried_again() -> None:
    server, too_large = Server(page_size=1000), PageTooLarge("Too large.")
    server.shrink(1000, too_large)
    server.shrink(1000, too_large)
    assert server.limit == 500
    for _ in range(PAGES_BEFORE_A_LARGER):
        server.ends(500, 500)
    assert server.limit == 1000
    with pytest.raises(PageTooLarge):
        server.shrink(1, too_large)


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("limit should be less than or equal to 200", Form(200)),
        ("limit should be a number", Form(1000, limit_as="integer")),
        ("dateTo cannot be in the future", Form(1000, date_to="now")),
        ("dateFrom should be in YYYY-MM-DD format", Form(1000, dates="day")),
    ],
)
def test_the_vendors_words_say_which_form_comes_next(words: str, changed: Form) -> None:
    assert next(forms_after(Form(1000), words)) == changed


def test_without_a_hint_every_form_is_tried_once_and_then_the_refusal_stands() -> None:
    server = Server(page_size=1000)
    tried = [server.form]
    refusal = RequestRefused("st-1", 412, "Validation errors/ Invalid arguments")
    while True:
        try:
            server.refuse(server.form, refusal)
        except RequestRefused:
            break
        tried.append(server.form)
    assert len(tried) == len(set(tried)) == 2 * 3 * 2 * 2 + 3
