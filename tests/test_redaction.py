"""Secrets are taken out of an error's words, in every form in which a request carries them."""

from __future__ import annotations

from base64 import b64encode

import pytest

from adapters.errors import Unauthenticated
from adapters.redaction import Redaction
from tests.fake_market import KEY, SECRET, account

FORMS = [
    KEY,
    SECRET,
    b64encode(f"{KEY}:{SECRET}".encode()).decode(),
    b64encode(f"{KEY}:".encode()).decode(),
    b64encode(KEY.encode()).decode(),
]


@pytest.mark.parametrize("form", FORMS)
def test_an_error_that_quotes_a_secret(form: str) -> None:
    error = Unauthenticated(f"refused: {form}", source_message=f'{{"message": "no such key {form}!"}}')
    Redaction(account()).error(error)
    assert error.message == str(error)
    for words in (error.message, error.source_message, repr(error)):
        assert form not in (words or "")
        assert "***" in (words or "")


def test_other_words_stay() -> None:
    error = Unauthenticated("refused", source_message="key too short")
    Redaction(account()).error(error)
    assert (error.message, error.source_message) == ("refused", "key too short")


def test_a_short_secret_does_not_eat_words() -> None:
    short = account().model_copy(update={"secret": type(account().secret)("a")})
    assert Redaction(short).text("a banana") == "a banana"


def test_it_shows_nothing_itself() -> None:
    assert KEY not in repr(Redaction(account()))
