"""Make a child process end when its parent does, even by `kill -9`."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def ends_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` that has the kernel send `number` when we are gone.

    Linux only. Elsewhere it does nothing, and the next start clears up.
    """
    parent = os.getpid()

    def prepare() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died before the kernel was told
            os.kill(os.getpid(), number)

    return prepare
