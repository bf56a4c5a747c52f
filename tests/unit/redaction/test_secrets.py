"""What a run learns to be secret, from what, and that it is masked from then on."""

import base64
import json
from urllib.parse import quote

import pytest

from talkqa.model.account import Account, Auth
from talkqa.model.result import CheckStarted, GapSeen
from talkqa.redaction.rules import Rules
from talkqa.redaction.secrets import Secrets

TOKEN = "q7/Zt+4w=kX&92"  # noqa: S105 - invented


def test_an_account_tells_its_credentials_and_the_names_that_carry_them() -> None:
    auth = Auth(kind="api-key", token=TOKEN, query="door", password="p455")  # noqa: S106
    secrets = Secrets(accounts=[Account(system="CRM", url="http://crm", auth=auth)])
    assert secrets.text(f"{TOKEN} {quote(TOKEN, safe='')} p455") == "*** *** ***"
    assert secrets.text("/x?door=anything&y=1") == "/x?door=***&y=1"


def test_a_name_that_is_secret_anyway_needs_no_rule() -> None:
    """Rules by name take a slow look at every text."""
    auth = Auth(kind="api-key", token=TOKEN, header="X-Api-Key")
    assert Secrets(accounts=[Account(system="CRM", url="http://crm", auth=auth)]).rules.names == frozenset()


@pytest.mark.parametrize(
    ("header", "value", "learnt"),
    [
        ("Authorization", "Bearer first.second-third", "first.second-third"),
        ("authorization", "Token first.second-third", "first.second-third"),
        ("X-Api-Key", "first.second-third", "first.second-third"),
        ("Authorization", f"Basic {base64.b64encode(b'me:first second').decode()}", "first second"),
        ("Authorization", f"Basic {base64.b64encode(b'me:first%2Fsecond').decode()}", "first/second"),
        ("Cookie", "theme=dark; sid=first-second", "first-second"),
    ],
)
def test_what_signs_a_request_is_secret(header: str, value: str, learnt: str) -> None:
    secrets = Secrets()
    secrets.learn_headers([("accept", "application/json"), (header, value)])
    assert secrets.text(f"it was {learnt}.") == "it was ***."
    assert "application/json" not in secrets.rules.values


def test_everyday_words_and_user_names_are_not_learnt() -> None:
    secrets = Secrets()
    secrets.learn_headers([("Authorization", "Bearer tester"), ("Authorization", "Bearer ~~~"), ("Cookie", "a=b")])
    secrets.learn_headers([("Authorization", f"Basic {base64.b64encode(b'long user name:pw').decode()}")])
    assert secrets.text("tester, a long user name, pw") == "tester, a long user name, pw"


def test_parameters_and_cookies_that_an_answer_sets_are_learnt() -> None:
    secrets = Secrets(Rules(names=frozenset({"door"})))
    secrets.learn_parameters([("door", "open-sesame"), ("page", "second-page")])
    secrets.learn_cookies(["sid=first-second; Path=/; HttpOnly"])
    assert secrets.text("open-sesame first-second second-page") == "*** *** second-page"


def test_a_sign_in_tells_what_was_sent_and_what_was_answered() -> None:
    secrets = Secrets()
    answer = {
        "access_token": "access-1-2-3",
        "refresh_token": "refresh-1-2-3",
        "token_type": "Bearer-of-news",
        "n": 12345678,
    }
    secrets.learn_sign_in(
        "grant_type=refresh_token&refresh_token=spent-1-2-3&client_id=application&code_verifier=verify-1-2-3",
        json.dumps(answer),
    )
    said = "access-1-2-3 refresh-1-2-3 spent-1-2-3 verify-1-2-3"
    assert secrets.text(said) == "*** *** *** ***"
    assert secrets.text("Bearer-of-news application refresh_token 12345678") != "***"
    assert {"application", "Bearer-of-news", "refresh_token"}.isdisjoint(secrets.rules.values)
    secrets.learn_sign_in('{"client_secret": "json-1-2-3"}', "<html>no token here</html>")
    assert secrets.text("json-1-2-3") == "***"


def test_events_are_masked_but_for_what_names_them() -> None:
    secrets = Secrets(Rules(values=frozenset({TOKEN})))
    gap = GapSeen(flow_id=None, code=TOKEN, severity="notice", place="a:1", message=f"said {TOKEN}")
    assert secrets.event(gap) == GapSeen(flow_id=None, code=TOKEN, severity="notice", place="a:1", message="said ***")
    started = CheckStarted(check="a", at_s=0.0)
    assert secrets.event(started) is started


def test_half_of_a_value_is_not_left_over_where_a_separator_in_it_was_encoded() -> None:
    assert Secrets().text("/x?access_token=one%26two&y=1") == "/x?access_token=***&y=1"
    assert Secrets().text("access_token%3Done%26y%3D1") == "access_token%3D***%26y%3D1"
