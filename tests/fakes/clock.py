"""A clock that only its owner moves."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class FakeClock:
    """A `Clock` whose sleep is over at once, and whose time passes by sleeping or by `advance`."""

    def __init__(self, *, epoch: datetime = EPOCH) -> None:
        self.epoch = epoch
        self._now = 0.0

    def now(self) -> float:
        """Seconds since the run began."""
        return self._now

    def stamp(self) -> datetime:
        """The epoch plus `now`."""
        return self.epoch + timedelta(seconds=self._now)

    async def sleep(self, seconds: float) -> None:
        """Let that time pass at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
