"""What counts as a secret: by the name it stands under, and by its own shape.

Used by `apply`, which masks, and by `scan`, which proves that masking worked.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_plus

from talkqa.redaction.spellings import holds_any, mask_value

MASK = "***"
"""What stands in a secret's place; masking it again changes nothing."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORD = re.compile(
    r"password|passwd|pwd|passphrase|secrets?|tokens?|cookies?|authorization|credentials?|apikey|jwt|otp|csrf|xsrf"
)
_SECRET_NAME = re.compile(
    r"auth|sig|sid|bearer|assertion|clientassertion|samlresponse|codeverifier|authorizationcode|devicecode"
    r"|xamzsignature|xamzcredential|connectionstring|.*(?:password|passwd|secret|token|sessionid)"
    r"|.*(?:api|access|private|secret|account|shared|signing|encryption|subscription|consumer|session)key"
)
"""Whole names, letter case and punctuation folded."""
_HARMLESS_NAME = re.compile(r"token(?:type|endpoint|uri|url)|(?:nextpage|page|next|continuation|skip)token")
"""Names with a secret word in them that say how to get a secret or where a list goes on."""

_SHAPES = (
    r"eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)*",  # JSON Web Token
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"\b00D[A-Za-z0-9]{12,15}![\w.]{20,}",  # Salesforce session id
    r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}",  # Stripe
    r"\bgh[opsur]_[A-Za-z0-9]{20,}",  # GitHub
    r"\bxox[abeprs]-[\w-]{10,}",  # Slack
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS
    r"\bAIza[\w-]{35}",  # Google
    r"\bpat-(?:na|eu)\d-[0-9a-f-]{36}",  # HubSpot
    r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{20,}",  # Shopify
)
_SHAPE = re.compile("|".join(_SHAPES), re.DOTALL)
_ANYWHERE = (
    *("pwd", "secret", "token", "cookie", "authorization", "credential", "jwt", "otp", "csrf", "xsrf", "bearer"),
    *("oauth", "ssws", "samlresponse", "verifier", "private key", "k_live_", "k_test_", "ghp_", "gho_", "ghs_"),
    *("ghu_", "ghr_", "xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "pat-na", "pat-eu", "shpat_", "shpca_"),
    *("shppa_", "shpss_"),
)
"""Lower-case pieces that make a text suspect wherever they stand."""
_KEYS = "api access private account shared signing encryption subscription consumer session"
_PARTS = "session:id connection:string device:code saml:response amz:signature pass:(?:word|wd|phrase)"
_PAIRS = (
    *((first, "key") for first in _KEYS.split(" ")),
    *tuple(pair.split(":", 1) for pair in _PARTS.split(" ")),
    *((name, f"(?<![a-z0-9]{name})(?![a-z0-9])") for name in ("auth", "sig", "sid", "assertion")),
    *(("basic", r"\s"), ("://", r"[^\s/@]*@")),
)
_TOGETHER = tuple((first, re.compile(f"{first}[^a-z0-9]{{0,3}}{second}")) for first, second in _PAIRS)
"""Lower-case pieces that make it suspect together, or as a word of their own; the first part is looked for first."""
_AS_WRITTEN = ("eyJ", "AKIA", "ASIA", "AIza")
_ENCODED = re.compile(r"%(?:2[Dd]|3[0-9ADad]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9Aa])")
"""A letter, digit or mark of a name in percent-encoding, or what separates name and value."""
_ESCAPED = re.compile(r"\\u00[2-7]")
"""The same in JSON."""
_BASIC = re.compile(r"(?i)(\bBasic\s+)([A-Za-z0-9+/_-]{4,}={0,2})")
_BEARER = re.compile(r"(?i)(\b(?:Bearer|OAuth|SSWS)\s+)(?!\*\*\*)([^\s\"'<>,;&]+)")
_USER_INFO = re.compile(r"(://)(?!\*\*\*@)([^\s/@\"'<>?#]+)(?=@)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What to mask beyond what is always masked."""

    names: frozenset[str] = field(default_factory=frozenset)
    """Further names of headers, parameters and JSON members; letter case, blanks and punctuation are folded."""
    values: frozenset[str] = field(default_factory=frozenset)
    """Secrets known by value, such as the tokens of this run; masked wherever they stand, however they are spelled."""

    def hides(self, name: str) -> bool:
        """Whether what stands under this name is a secret."""
        return is_secret_name(name) or (bool(self.names) and _folded(name) in _all_folded(self.names))


DEFAULT_RULES = Rules()


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a header, parameter or member of this name holds a secret, in any usual spelling."""
    joined = _folded(name)
    if _HARMLESS_NAME.fullmatch(joined):
        return False
    if _SECRET_NAME.fullmatch(joined):
        return True
    return any(_SECRET_WORD.fullmatch(word.lower()) for word in _WORD.findall(name))


def may_hold_secrets(text: str, rules: Rules) -> bool:
    """Whether a closer look is worth its time: most bodies hold nothing, and a look at each word of each is slow.

    Never says no where `mask_shapes` or a name would mask something; tests compare the two.
    """
    if rules.names or (rules.values and holds_any(text, rules.values)):
        return True
    if "%" in text and _ENCODED.search(text):
        text = f"{text} {unquote_plus(text)}"
    lowered = text.lower()
    return (
        any(piece in lowered for piece in _ANYWHERE)
        or any(first in lowered and both.search(lowered) for first, both in _TOGETHER)
        or any(piece in text for piece in _AS_WRITTEN)
        or ("\\u00" in text and _ESCAPED.search(text) is not None)
        or ("00D" in text and _SHAPE.search(text) is not None)
    )


def mask_shapes(text: str, rules: Rules) -> str:
    """Mask what is a secret by its own shape or value, whatever it stands under."""
    for value in sorted(rules.values, key=len, reverse=True):
        if value and value not in MASK:
            text = mask_value(text, value, MASK)
    text = _SHAPE.sub(MASK, text)
    text = _BEARER.sub(rf"\g<1>{MASK}", text)
    text = _BASIC.sub(_mask_basic, text)
    return _USER_INFO.sub(rf"\g<1>{MASK}", text)


def _mask_basic(found: re.Match[str]) -> str:
    """Mask only what decodes to `user:password`, so that `Basic information` stays readable."""
    padded = found[2].rstrip("=") + "=" * (-len(found[2].rstrip("=")) % 4)
    try:
        decoded = base64.b64decode(padded, altchars=b"-_" if set("-_") & set(padded) else None, validate=True)
    except (binascii.Error, ValueError):
        return found[0]
    return f"{found[1]}{MASK}" if b":" in decoded else found[0]


@lru_cache(maxsize=256)
def _all_folded(names: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_folded, names))


def _folded(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
