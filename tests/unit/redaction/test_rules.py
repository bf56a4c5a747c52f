"""Which names stand for secrets."""

import pytest

from talkqa.redaction.rules import is_secret_name

HIDDEN = """password Passwd client_secret clientSecret X-API-Key apikey refresh_token Set-Cookie auth JSESSIONID
session_id Ocp-Apim-Subscription-Key id_token code_verifier X-CSRF-Token AccountKey"""

ORDINARY = """Name Secretary Key keyword code address.country.code token_type nextPageToken Signature author
design inside option Authority Passenger"""


@pytest.mark.parametrize("name", HIDDEN.split())
def test_names_of_secrets_are_known_in_any_spelling(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["", *ORDINARY.split()])
def test_ordinary_names_are_left_alone(name: str) -> None:
    assert not is_secret_name(name)
