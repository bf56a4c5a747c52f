"""The errors of talkqa.

TalkqaError                the harness cannot work; the message says what, where and what to do
+-- DocumentError          a dataflow document cannot be read at all
+-- ConfigError            talkqa.toml or an option is wrong
+-- PlanError              generation cannot go on
+-- RunError               a run's folder cannot be read, or a run cannot start
+-- ApiError               a system refused or broke
    +-- ApiUnavailable     no answer, or 5xx / 429 after all retries
    +-- ApiRefused         the system refused what was written (4xx)
        +-- FeatureMissing the account lacks a licence or feature
CheckOutcome               how a scenario ends other than by passing
+-- CheckFailed            a promise was broken (also an AssertionError)
+-- CheckLate              nothing arrived in time and nothing proves that the engine is alive
+-- CheckUndecided         talkqa cannot know
+-- CheckNotRunnable       something the check needs does not exist here
"""

from talkqa.model.result import Cause

CALLS_USED_UP = "calls-used-up"
"""Code of an `ApiUnavailable` where an account may ask no more for hours: nothing is broken; repeating is no use."""


class TalkqaError(Exception):
    """Raised where the harness cannot do its work; never for a broken promise of the engine."""


class DocumentError(TalkqaError):
    """Raised where a file cannot be read as a dataflow document at all."""


class ConfigError(TalkqaError):
    """Raised for a wrong or unknown setting; names file and key."""


class PlanError(TalkqaError):
    """Raised where generated files cannot be planned or written."""


class RunError(TalkqaError):
    """Raised where a run cannot start, or what it left cannot be read."""


class ApiError(TalkqaError):
    """Raised where a system's API breaks or refuses."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        field: str | None = None,
        fields: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 where no answer came."""
        self.code = code
        """The system's own error code."""
        self.field = field
        """The field that the system names, where it names one."""
        self.fields = fields or ((field,) if field else ())
        """Every field that the system names, in its order."""


class ApiUnavailable(ApiError):
    """Raised where a system gave no usable answer: time-out, dropped connection, 429 or 5xx."""


class ApiRefused(ApiError):
    """Raised where a system refused a request for what it said."""


class FeatureMissing(ApiRefused):
    """Raised where the account lacks a licence or feature."""

    def __init__(self, message: str, *, licence: str, status: int = 0, code: str = "") -> None:
        super().__init__(message, status=status, code=code)
        self.licence = licence
        """The licence or feature that is missing."""


class CheckOutcome(Exception):
    """Raised by a step to end its scenario with an outcome."""

    def __init__(
        self, reason: str, message: str, *, cause: Cause | None = None, expected: str = "", observed: str = ""
    ) -> None:
        super().__init__(message)
        self.reason = reason
        """Stable code, kebab-case."""
        self.message = message
        """One sentence: what was found."""
        self.cause = cause
        self.expected = expected
        self.observed = observed


class CheckFailed(CheckOutcome, AssertionError):
    """Raised where a promise was broken."""


class CheckLate(CheckOutcome):
    """Raised where something is missing and nothing shows that the engine is alive."""


class CheckUndecided(CheckOutcome):
    """Raised where talkqa cannot know whether the promise holds."""


class CheckNotRunnable(CheckOutcome):
    """Raised where the check needs something that is not there, such as a licence."""
