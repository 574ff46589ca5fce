"""Processes that outlive the program that started them, and are never mistaken for others.

A process is remembered in a file as its id and its start time; the kernel gives an id to another
process sooner or later, but never with the same start time.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


class Failure(Exception):
    """Something that the user has to know; its text says what to do."""


def say(text: str) -> None:
    """A progress line."""
    print(f"troupe: {text}", file=sys.stderr, flush=True)


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None without one or for a zombie."""
    try:
        fields = (
            pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        )
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


@dataclasses.dataclass(frozen=True)
class Process:
    """One started process. Any thread may use it."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The process that has this id now."""
        started = start_time(pid)
        return None if started is None else cls(pid, started)

    @classmethod
    def read(cls, file: pathlib.Path) -> "Process | None":
        """The process remembered in the file, if it still runs."""
        try:
            process = cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return process if process.alive() else None

    def write(self, file: pathlib.Path) -> None:
        """Remembers it."""
        file.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")

    def alive(self) -> bool:
        """Whether this very process still runs."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return start_time(self.pid) == self.started

    def stop(self, how: signal.Signals, seconds: float) -> bool:
        """Asks it to end and waits; kills it after that time. Whether it ended by itself."""
        for number, patience in ((how, seconds), (signal.SIGKILL, 5)):
            if self.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, number)
            if poll(lambda: not self.alive(), patience):
                return number == how
        return False


def start(
    command: Sequence[str],
    log: pathlib.Path,
    *,
    user_switch: Sequence[str] = (),
    dies_with_parent: signal.Signals | None = None,
) -> Process:
    """Starts a command, its output appended to the log.

    It gets a session of its own, so that Ctrl-C does not reach it.
    """
    # in this order: a change of user would take the signal back
    tie = ["setpriv", "--pdeathsig", dies_with_parent.name] if dies_with_parent else []
    with log.open("ab") as output:
        child = subprocess.Popen(
            [*user_switch, *tie, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    child.returncode = 0  # not this object's to wait for: Process.alive() does
    return Process(child.pid, start_time(child.pid) or 0)


def poll(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Whether the condition came true within that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(every)
    return True


def free_port(wanted: int | None = None) -> int:
    """The wanted port of 127.0.0.1 if nobody listens there, else any free one."""
    for port in (wanted, 0):
        if port is not None:
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
    raise Failure("no free TCP port on 127.0.0.1")


def last_lines(log: pathlib.Path, count: int = 15) -> str:
    """The end of a log, for messages."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def write_secret(file: pathlib.Path, text: str) -> None:
    """A file only its owner can read."""
    file.unlink(missing_ok=True)
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as output:
        output.write(text)
