"""The child processes of `manage.py up`: started, watched, stopped in order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cro_portal.embedded import paths, servers
from cro_portal.embedded.errors import EmbeddedServerError, tail
from cro_portal.embedded.lifeline import ends_with_parent
from cro_portal.embedded.revival import LATELY_SECONDS, Revival

GRACE_SECONDS = 25
"""Longer than a worker takes to finish or hand back its tasks (20 s)."""


@dataclass
class Child:
    """One child, the leader of a process group of its own, and how to start it."""

    name: str
    arguments: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes]
    started: float | None
    revival: Revival = field(default_factory=Revival)

    @property
    def death(self) -> str:
        """Say how it ended. For one that has."""
        return f"The {self.name} stopped by itself (exit {self.process.returncode})"


class Children:
    """The children of this process. `register` is where their ids are noted."""

    def __init__(self, layout: paths.Layout) -> None:
        self.layout = layout
        self.running: list[Child] = []

    @property
    def register(self) -> Path:
        return self.layout.var / "children.json"

    def start(
        self, name: str, arguments: Sequence[str], environment: dict[str, str]
    ) -> Child:
        """Run Python with `arguments`; its output goes to `var/log/<name>.log`."""
        log = self.layout.logs / f"{name}.log"
        process = self._launch(log, arguments, environment)
        started = _started(process.pid)
        child = Child(name, arguments, environment, log, process, started)
        self.running.append(child)
        self._note()
        return child

    def _launch(
        self, log: Path, arguments: Sequence[str], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        with servers.open_log(log) as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=paths.PROJECT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the rest
                preexec_fn=ends_with_parent(signal.SIGTERM),
            )

    def died(self) -> Child | None:
        """Return a child that has ended although nobody stopped it."""
        for child in self.running:
            if child.process.poll() is not None:
                return child
        return None

    def revive(self) -> list[str]:
        """Start again, after a pause, what has ended by itself; say so in sentences.

        Raises `EmbeddedServerError`, with the end of the log, for a child that
        has died too often lately.
        """
        said = []
        for child in self.running:
            if child.revival.is_due:
                child.process = self._launch(
                    child.log, child.arguments, child.environment
                )
                child.started = _started(child.process.pid)
                child.revival.due = None
                self._note()
            elif child.revival.due is None and child.process.poll() is not None:
                _kill_group(child.process.pid)  # what it started is nobody's now
                pause = child.revival.plan()
                if pause is None:
                    raise EmbeddedServerError(
                        f"{child.death}, {len(child.revival.deaths)} times within "
                        f"{LATELY_SECONDS} s. The end of {child.log}:\n"
                        f"{tail(child.log)}"
                    )
                said.append(f"{child.death}; it is started again in {pause:g} s.")
        return said

    def stop(self, child: Child, seconds: float = GRACE_SECONDS) -> None:
        """Ask `child` to end; after `seconds` end it and all it started."""
        with suppress(ProcessLookupError):
            child.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(seconds)
        _kill_group(child.process.pid)
        child.process.wait()
        self.running.remove(child)
        self._note()

    def kill(self) -> None:
        """End every child now. Safe to call from a signal handler."""
        for child in self.running:
            _kill_group(child.process.pid)

    def clear_left_overs(self) -> list[str]:
        """End children of a run that was killed. Returns a sentence for each."""
        try:
            noted = json.loads(self.register.read_text())
        except (FileNotFoundError, ValueError):
            return []
        notes = []
        for entry in noted:
            pid = entry["pid"]
            if _started(pid) == entry["started"]:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGTERM)
                _wait_for_group(pid, GRACE_SECONDS)
                _kill_group(pid)
                notes.append(f"The {entry['name']} of a run that was killed is ended.")
        self.register.unlink()
        return notes

    def _note(self) -> None:
        entries = [
            {
                "name": child.name,
                "pid": child.process.pid,
                "started": child.started,
            }
            for child in self.running
        ]
        self.register.write_text(json.dumps(entries))


def _started(pid: int) -> float | None:
    """Return when process `pid` started (Unix seconds), by which a reused id is told apart."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _wait_for_group(group: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.1)
