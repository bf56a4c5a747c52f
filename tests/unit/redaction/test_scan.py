"""The canary scan finds a planted secret in every form it may travel in."""

import base64
import gzip
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.redaction.apply import redact_text
from talkqa.redaction.scan import scan_folder, scan_text

CANARY = 'cAnArY/0017+"x"&y'


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"one\ntwo {CANARY}", "plain"),
        (f"one\n{quote(CANARY, safe='')}", "percent-encoded"),
        ('one\n"cAnArY/0017+\\"x\\"&y"', "json"),
        ("one\ncAnArY/0017+&quot;x&quot;&amp;y", "html"),
    ],
)
def test_a_canary_is_found_however_it_is_written(text: str, form: str) -> None:
    (leak,) = scan_text(text, {"password of x": CANARY}, path="a.txt")
    assert (leak.path, leak.line, leak.canary, leak.form) == ("a.txt", 2, "password of x", form)


@given(st.binary(max_size=7), st.binary(max_size=7))
def test_a_canary_is_found_in_base64_at_any_offset(before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + CANARY.encode() + after).decode()
    assert any(leak.form == "base64" for leak in scan_text(text, {"c": CANARY}))


def test_a_masked_text_holds_no_canary() -> None:
    assert scan_text(redact_text(f"password='{CANARY}'"), {"c": CANARY}) == ()


def test_every_file_below_a_folder_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.bin").write_bytes(b"\xff\xfe" + b"canary-17")
    (tmp_path / "b.txt").write_text("nothing", encoding="utf-8")
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"x"))
    assert [leak.path for leak in scan_folder(tmp_path, {"c": "canary-17"})] == ["in/a.bin"]
