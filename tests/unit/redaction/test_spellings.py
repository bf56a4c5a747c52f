"""A secret known by value is masked in whatever spelling it travels, and nothing else is."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from talkqa.model.record import Exchange
from talkqa.model.result import Observation
from talkqa.redaction.apply import redact_headers, redact_text
from talkqa.redaction.rules import Rules
from talkqa.redaction.scan import scan_text
from talkqa.redaction.spellings import holds_any, mask_value, spellings

SECRET = 'cAn/ArY+0017="x" é'  # noqa: S105
RULES = Rules(values=frozenset({SECRET}))

SPELLED = [
    SECRET,
    quote(SECRET, safe=""),
    quote(SECRET),
    re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
    quote_plus(SECRET),
    quote(quote(SECRET, safe=""), safe=""),
    json.dumps(SECRET),
    json.dumps(SECRET).replace("/", "\\/"),
    json.dumps({"a": json.dumps({"b": SECRET})}),
    json.dumps(SECRET, ensure_ascii=False),
    base64.b64encode(f"me:{SECRET}".encode()).decode(),
    base64.urlsafe_b64encode(f"x{SECRET}yz".encode()).decode(),
]


@pytest.mark.parametrize("spelled", SPELLED)
def test_a_known_secret_is_masked_however_it_is_spelled(spelled: str) -> None:
    """In prose, in a URL, in JSON: and the text around it stays."""
    for text in (f"refused {spelled} today", json.dumps({"error": f"refused {spelled} today"})):
        masked = redact_text(text, RULES)
        assert scan_text(masked, {"secret": SECRET}) == ()
        assert "***" in masked
        assert "refused" in masked
        assert "today" in masked
        assert redact_text(masked, RULES) == masked
    assert "***" in redact_headers({"x-note": spelled}, RULES)["x-note"]


@given(st.text(min_size=4, max_size=12), st.text(max_size=8), st.text(max_size=8))
def test_no_text_keeps_a_known_secret(secret: str, before: str, after: str) -> None:
    """Whatever the secret and its surroundings are made of."""
    assume("*" not in secret)
    rules = Rules(values=frozenset({secret}))
    for spelled in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        masked = redact_text(f"{before}{spelled}{after}", rules)
        assert spelled not in masked
    assume(secret not in json.dumps([before, after], ensure_ascii=False))  # as 0000 in an escaped zero byte
    assert secret not in redact_text(json.dumps({before: [secret], "x": after}, ensure_ascii=False), rules)


def test_numbers_and_short_values_are_masked_as_such_alone() -> None:
    """A pin that is a number in JSON stays JSON; a value of two letters is no secret inside a word."""
    assert redact_text('{"pin":123456,"n":1234567}', Rules(values=frozenset({"123456"}))) == '{"pin":"***","n":1234567}'
    assert redact_text("to be or not tobe", Rules(values=frozenset({"be"}))) == "to *** or not tobe"


def test_the_lines_of_a_key_are_secrets_each() -> None:
    """An error may repeat one line of a key file; its first and last line are no secret."""
    key = f"-----BEGIN PRIVATE KEY-----\n{'a1B2' * 8}\n{'c3D4' * 8}\n-----END PRIVATE KEY-----"
    rules = Rules(values=frozenset({key}))
    assert redact_text(f"bad line {'c3D4' * 8}", rules) == "bad line ***"
    assert redact_text("BEGIN of it", rules) == "BEGIN of it"


def test_a_quick_look_and_a_thorough_one_agree() -> None:
    """`holds_any` says no only where nothing would be masked."""
    for spelled in SPELLED:
        assert holds_any(spelled, frozenset({SECRET}))
    assert not holds_any("cAn arY", frozenset({SECRET}))
    assert mask_value("cAn ArY", SECRET, "***") == "cAn ArY"
    assert len({text for _, text in spellings(SECRET)}) == len(spellings(SECRET))


def test_evidence_is_masked_by_value_too() -> None:
    """Results and report show what recordings show."""
    from talkqa.model.result import CheckFinished, Outcome
    from talkqa.redaction.apply import redact_event

    bodies = [f"refused {spelled}" for spelled in SPELLED]
    exchanges = tuple(
        Exchange(method="GET", url=f"http://x/?q={quote(SECRET)}", status=400, at_s=0, response_body=body)
        for body in bodies
    )
    event = CheckFinished(
        check="a",
        flow_id="a",
        name="created",
        title="t",
        sentence="s",
        place="p:1",
        outcome=Outcome.ERROR,
        reason="r",
        message=f"failed with {SECRET}",
        steps=(),
        observations=(Observation(text="o", at_s=0, exchanges=exchanges),),
    )
    assert scan_text(repr(redact_event(event, RULES)), {"secret": SECRET}) == ()
