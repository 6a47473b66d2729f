"""When a page is the last, and which form of a request follows a refused one."""

import pytest

from source_kore_llm_logs.components.errors import RequestRefused
from source_kore_llm_logs.components.pagination import Form, Server, forms_after


def test_a_short_page_is_the_last_only_if_the_server_has_given_a_larger_one() -> None:
    server = Server(page_size=100)
    assert not server.is_last(7)
    assert not server.is_last(50)
    assert not server.is_last(50)
    assert server.is_last(49)


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
    assert len(tried) == len(set(tried)) == 2 * 3 * 3 * 2
