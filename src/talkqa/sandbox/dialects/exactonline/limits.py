"""How many calls the emulated API answers: a minute, a day, and not at all after too many mistakes.

Counted always; enforced where the quirks say so. Times are milliseconds since 1970, UTC.
"""

from dataclasses import dataclass, field

from talkqa.sandbox.dialects.emulator import Answer, encode

A_MINUTE = 60
A_DAY = 5_000
UNLIMITED = 100_000_000
MISTAKES = 10
_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000


@dataclass(slots=True)
class _Window:
    """Calls counted until a moment."""

    length_ms: int
    reset_ms: int = 0
    count: int = 0

    def add(self, now_ms: int) -> int:
        if now_ms >= self.reset_ms:
            self.reset_ms = (now_ms // self.length_ms + 1) * self.length_ms
            self.count = 0
        self.count += 1
        return self.count


@dataclass(slots=True)
class Meter:
    """What one app has called in one company."""

    minute: _Window = field(default_factory=lambda: _Window(_MINUTE_MS))
    day: _Window = field(default_factory=lambda: _Window(_DAY_MS))
    _mistakes: dict[str, list[int]] = field(default_factory=dict)
    _blocked: dict[str, int] = field(default_factory=dict)

    def count(self, now_ms: int, *, daily: bool) -> None:
        """Count a call.

        Args:
            now_ms: The moment of the call.
            daily: Whether the day is charged: calls without a division are free.
        """
        self.minute.add(now_ms)
        if daily:
            self.day.add(now_ms)

    @property
    def minute_is_spent(self) -> bool:
        """Whether this call was one too many for its minute."""
        return self.minute.count > A_MINUTE

    @property
    def day_is_spent(self) -> bool:
        """Whether this call was one too many for its day."""
        return self.day.count > A_DAY

    def is_blocked(self, endpoint: str, now_ms: int) -> bool:
        """Whether an endpoint is closed for mistakes."""
        return now_ms < self._blocked.get(endpoint, 0)

    def note_mistake(self, endpoint: str, now_ms: int) -> None:
        """Count an answer 400, 401, 403 or 404."""
        recent = [at for at in self._mistakes.get(endpoint, []) if at > now_ms - _HOUR_MS]
        self._mistakes[endpoint] = [*recent, now_ms]
        if len(recent) + 1 > MISTAKES:
            self._blocked[endpoint] = now_ms + _HOUR_MS

    def headers(self, *, minute: bool, day: bool) -> dict[str, str]:
        """What the answers tell; of a spent minute the minute alone.

        Args:
            minute: Whether the minute's limit is enforced; one that is not is told as out of reach.
            day: Whether the day's is.
        """
        most = A_MINUTE if minute else UNLIMITED
        told = {
            "X-RateLimit-Minutely-Limit": str(most),
            "X-RateLimit-Minutely-Remaining": str(max(most - self.minute.count, 0)),
            "X-RateLimit-Minutely-Reset": str(self.minute.reset_ms),
        }
        if minute and self.minute_is_spent:
            return told
        most = A_DAY if day else UNLIMITED
        return {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(max(most - self.day.count, 0)),
            "X-RateLimit-Reset": str(self.day.reset_ms),
            **told,
        }


def spent() -> Answer:
    """The answer to one call too many."""
    body = {"error": {"code": "", "message": {"lang": "", "value": "Too many requests"}}}
    return Answer(status=429, body=encode(body))
