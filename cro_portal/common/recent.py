"""What was made lately, for as long as there is room for it."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Recent(Generic[Thing]):
    """Things by key, at most `room` of them by size; the longest unused goes first.

    All threads of a process may use it. The key names everything a thing depends on.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.used = 0
        self._things: OrderedDict[Hashable, tuple[Thing, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Hashable) -> Thing | None:
        """Return the thing, None if it is not held."""
        with self._lock:
            held = self._things.get(key)
            if held is None:
                return None
            self._things.move_to_end(key)
            return held[0]

    def put(self, key: Hashable, thing: Thing, size: int = 1) -> None:
        """Hold the thing; one larger than the room is not held."""
        with self._lock:
            if before := self._things.pop(key, None):
                self.used -= before[1]
            if size > self.room:
                return
            self._things[key] = thing, size
            self.used += size
            while self.used > self.room:
                _, (_, gone) = self._things.popitem(last=False)
                self.used -= gone
