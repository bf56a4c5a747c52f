"""No secret survives `redact_text` or `redact_event`, and nothing else is lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.record import Exchange
from talkqa.model.result import CheckFinished, GapSeen, Observation, Outcome, RunFinished, RunStarted, StepResult
from talkqa.redaction.apply import redact_event, redact_headers, redact_text
from talkqa.redaction.rules import MASK, Rules

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

SECRETS = [
    ("bearer", "Authorization: Bearer canary-1", "canary-1"),
    ("bearer in prose", "the system answered 401 to Bearer canary-1, so", "canary-1"),
    ("basic", "Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("no known scheme", "Authorization=canary-1 canary-2", "canary"),
    ("basic in prose", "sent Basic dXNlcjpwYXNz and was refused", "dXNlcjpwYXNz"),
    ("token", f"got {JWT} back", JWT),
    ("cookie", 'Cookie: a="canary-1"; b=canary-2', "canary"),
    ("set-cookie", "Set-Cookie: sid=canary-1; HttpOnly", "canary-1"),
    ("form", "grant_type=password&username=x&password=canary-1&scope=y", "canary-1"),
    ("form, name encoded", "client%5Fsecret=canary-1", "canary-1"),
    ("query", "https://api.example/x?a=1&access_token=canary-1&b=2", "canary-1"),
    (
        "query within a query",
        "https://a.example/?to=https%3A%2F%2Fb.example%3Faccess_token%3Dcanary-1%26c%3D2",
        "canary-1",
    ),
    ("user in a URL", "https://me:canary-1@example.com/x", "canary-1"),
    ("json", '{"client_secret": "canary-1"}', "canary-1"),
    ("json, deep", '{"a": [{"b": {"apiKey": "canary-1"}}]}', "canary-1"),
    ("json, structure", '{"credentials": {"user": "canary-1", "numbers": [1234567]}}', "canary-1"),
    ("json, number", '{"password": 1234567}', "1234567"),
    ("json, cut off", '{"note": "x", "refresh_token": "canary-1', "canary-1"),
    ("json, escaped name", '{"p\\u0061ssword": "canary-1"}', "canary-1"),
    ("json, repeated name", '{"a": {"token": "canary-1"}, "a": 1}', "canary-1"),
    ("json in json", json.dumps({"body": json.dumps({"body": json.dumps({"password": "canary-1"})})}), "canary-1"),
    ("header in json", json.dumps({"log": 'Cookie: a="canary-1"; b=canary-2', "x": 1}), "canary"),
    ("json as a name", '{"Bearer canary-1": 1}', "canary-1"),
    ("json in prose", 'refused: {"error": {"secret": "canary-1"}} at 12:00', "canary-1"),
    ("escaped json in prose", 'sent \\"password\\": \\"canary-1\\" to it', "canary-1"),
    ("printed mapping", "{'Authorization': 'Bearer canary-1', 'X-Api-Key': 'canary-2'}", "canary"),
    ("command line", "curl --password=canary-1 -H 'X-Api-Key: canary-2'", "canary"),
    ("key file", "-----BEGIN RSA PRIVATE KEY-----\ncanary-1\n-----END RSA PRIVATE KEY-----", "canary-1"),
    ("vendor token", "sk_live_canary1canary2canary3 was used", "canary1"),
    ("not quite json", '{"a": "\\q", "password": "canary-1"}', "canary-1"),
    ("within not quite json", '{"a": "\\q password=canary-1"}', "canary-1"),
]


@pytest.mark.parametrize(("text", "secret"), [s[1:] for s in SECRETS], ids=[s[0] for s in SECRETS])
def test_a_secret_is_masked_wherever_it_stands(text: str, secret: str) -> None:
    masked = redact_text(text)
    assert secret not in masked
    assert MASK in masked
    assert redact_text(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Every Custom CRM Customer will be synchronized with a Salesforce Account.",
        '{"records":[{"Id":"a1","Name":"amber otter","Amount":12.50}],"next":null,"cursor":"2024-01-01T00:00:00Z"}',
        "specs/token.rst:17 names the source twice",
        "Basic information on the account",
        "The secretary of the company",
        '{"token_type": "Bearer", "nextPageToken": "12", "password": null}',
        "http://salesforce.sandbox/Account?where=Name&equals=amber%20otter",
        "passed",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text


def test_the_rest_of_a_body_is_kept_byte_by_byte() -> None:
    """Masking in place: numbers, blanks and repeated names around a secret are evidence."""
    assert redact_text('{"a": 1.10,  "token" : "x", "a": 2e400}') == '{"a": 1.10,  "token" : "***", "a": 2e400}'


def test_names_and_values_of_the_project_are_masked_too() -> None:
    rules = Rules(names=frozenset({"X-Tenant-Pin"}), values=frozenset({"s3same"}))
    assert redact_text("x_tenant_pin=1234 and s3same", rules) == "x_tenant_pin=*** and ***"
    assert redact_headers({"x-tenant-pin": "12", "Accept": "s3same"}, rules) == {"x-tenant-pin": "***", "Accept": "***"}
    assert redact_text("x_tenant_pin=1234") == "x_tenant_pin=1234"


def test_headers_keep_the_scheme_of_their_credentials() -> None:
    """Which scheme was used helps to see why a request was refused."""
    headers = {"Authorization": "Bearer abc", "Cookie": "a=b", "Accept": "application/json"}
    assert redact_headers(headers) == {"Authorization": "Bearer ***", "Cookie": "***", "Accept": "application/json"}


_WORDS = ("password", "token", "Authorization", "Cookie", "Bearer", "Basic", "name", "null", "eyJhbGci.eyJzdWI", "***")
_MARKS = (*"""=:&,;"'\\{}[]@ \nx1é""", "%3D", "%26", "://", '\\"', "\\q")
_PIECES = st.sampled_from(_WORDS + _MARKS)


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


_THOROUGH = Rules(names=frozenset({"\x00 in no text"}))
_SPELLINGS = (
    "pass_word api-key sid x-amz-signature p%61ssword connection_string auth inside author keyword option ://u:p@h"
)
_NAMES = st.sampled_from([*_SPELLINGS.split(), "session id", "p\\u0061ssword", "00D" + "a" * 12 + "!" + "b" * 20])


@given(st.lists(_PIECES | _NAMES, max_size=12).map("".join))
def test_what_is_passed_over_quickly_holds_no_secret(text: str) -> None:
    """Most texts are let through without a closer look; a closer look would have changed nothing."""
    assert redact_text(text) == redact_text(text, _THOROUGH)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES, st.integers(0, 3))
def test_json_stays_json_and_hides_its_secret(value: object, depth: int) -> None:
    body: object = {"client_secret": "cAnArY", "rest": value}
    for _ in range(depth):
        body = {"in": [body, "x"]}
    masked = redact_text(json.dumps(body))
    json.loads(masked)
    assert "cAnArY" not in masked


@pytest.mark.parametrize(
    "text", ["a=" * 20_000, '"\\q\\"' * 5_000, "[" * 20_000 + '"token":"canary"', "password" * 5_000, '"key":"' * 5_000]
)
def test_hostile_text_hides_nothing_and_exhausts_nothing(text: str) -> None:
    """Neither stack nor patience: nesting and repetition cost what their length costs."""
    masked = redact_text(f"{text} password=canary")
    assert "canary" not in masked
    assert len(masked) <= len(text) + 40


def test_every_text_of_an_event_is_masked_and_its_identity_kept() -> None:
    exchange = Exchange(
        method="POST",
        url="http://x.sandbox/A?api_key=canary",
        status=201,
        at_s=1.0,
        request_body='{"password": "canary"}',
        response_body="token=canary",
        headers={"Authorization": "Bearer canary"},
    )
    event = CheckFinished(
        check="a.b--c.d/edited-in-source/password~secret",
        flow_id="a.b--c.d",
        name="edited-in-source",
        title="token=canary",
        sentence="secret: canary",
        place="specs/secret:7",
        outcome=Outcome.FAILED,
        reason="no-counterpart",
        message="Bearer canary",
        expected="password=canary",
        observed="password=canary",
        steps=(StepResult(text="Given token=canary", outcome=Outcome.PASSED, begin_s=0, end_s=1),),
        observations=(Observation(text="token=canary", at_s=1, exchanges=(exchange,)),),
        node="generated_tests/x.py::test[token:1]",
    )
    masked = redact_event(event)
    assert isinstance(masked, CheckFinished)
    assert "canary" not in repr(masked)
    assert (masked.check, masked.place, masked.node) == (event.check, event.place, event.node)
    assert masked.outcome is Outcome.FAILED
    assert redact_event(masked) == masked


def test_events_without_secrets_are_handed_back_as_they_are() -> None:
    started = RunStarted(
        run="r",
        world="a/b",
        mode="sandbox",
        clock="virtual",
        seed=0,
        epoch="2024-01-01T00:00:00Z",
        version="1",
        documents=("specs/a.rst",),
        systems=("Salesforce: packaged descriptor",),
    )
    assert redact_event(started) is started


def test_texts_in_tuples_are_masked() -> None:
    finished = RunFinished(
        world="a/b", interrupted=False, end_s=1, wall_s=1, swept=0, left=("A b 1: 401 to Bearer canary",)
    )
    assert "canary" not in repr(redact_event(finished))
    gap = GapSeen(
        flow_id=None, code="c", severity="notice", place="p:1", message="secret=canary", advice="token=canary"
    )
    assert "canary" not in repr(redact_event(gap))
