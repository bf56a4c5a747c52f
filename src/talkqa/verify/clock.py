"""The clock of a run over trio's own clock: virtual where the runner installs a virtual one, real otherwise."""

from datetime import UTC, datetime, timedelta

import trio


class TrioClock:
    """Seconds of the trio loop it was made in, counted from its making."""

    def __init__(self, epoch: datetime) -> None:
        self._epoch = epoch.astimezone(UTC)
        self._start = trio.current_time()

    def now(self) -> float:
        """Seconds since the run began."""
        return trio.current_time() - self._start

    def stamp(self) -> datetime:
        """The run's epoch plus `now`, in UTC."""
        return self._epoch + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock."""
        await trio.sleep(seconds)
