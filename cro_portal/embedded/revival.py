"""When a process that ended by itself is started again: soon, then less and less so."""

import time
from dataclasses import dataclass, field

FIRST_PAUSE_SECONDS = 0.5
MOST_DEATHS = 5
LATELY_SECONDS = 60


@dataclass
class Revival:
    """The recent deaths of one process, and when it is to be started again.

    Times are those of `time.monotonic`. `due` is None while the process runs.
    """

    deaths: list[float] = field(default_factory=list)
    due: float | None = None

    def plan(self) -> float | None:
        """Note a death; return the pause before the next start in seconds.

        The pause doubles with each death of the last minute; with the fifth it
        is None: to start it again would not help.
        """
        now = time.monotonic()
        self.deaths = [at for at in self.deaths if now - at < LATELY_SECONDS] + [now]
        if len(self.deaths) >= MOST_DEATHS:
            return None
        pause = FIRST_PAUSE_SECONDS * 2 ** (len(self.deaths) - 1)
        self.due = now + pause
        return pause

    @property
    def is_due(self) -> bool:
        return self.due is not None and time.monotonic() >= self.due
