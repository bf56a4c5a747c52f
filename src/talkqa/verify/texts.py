"""The comparison of two texts, for `compare`: exact but for line ends, and a word on how unequal ones differ."""

import unicodedata

from talkqa.model.schema import FieldSchema


def compare_texts(expected: str, actual: str, actual_field: FieldSchema | None) -> tuple[bool, bool, str]:
    """Whether two different texts count as equal, whether that is certain, and a note.

    Line ends are the only thing forgiven: which of CRLF, CR and LF a system keeps is its own affair.
    """
    ours, theirs = _unix(expected), _unix(actual)
    if ours == theirs:
        return True, True, "line ends differ"
    if unicodedata.normalize("NFC", ours) == unicodedata.normalize("NFC", theirs):
        return False, False, "the same characters, composed differently"
    return False, True, _difference(ours, theirs, actual_field)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _difference(ours: str, theirs: str, field: FieldSchema | None) -> str:
    if ours.strip() == theirs.strip():
        return "differs in surrounding blanks alone"
    if ours.casefold() == theirs.casefold():
        return "differs in letter case alone"
    if theirs.strip() and ours.startswith(theirs.rstrip()):
        room = field.max_length if field is not None else None
        held = f", which is what the property holds ({room})" if room is not None and len(theirs) >= room else ""
        return f"cut off after {len(theirs)} of {len(ours)} characters{held}"
    if "".join(ours.split()) == "".join(theirs.split()):
        return "differs in blanks alone"
    return ""
