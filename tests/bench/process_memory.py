"""How much memory a process takes, beside a measure."""

import contextlib
import pathlib
import re
import threading

from processes import Failure


class Memory:
    """Samples a process's VmRSS in MiB, twice a second while it is entered."""

    def __init__(self, pid: int):
        self.status = pathlib.Path(f"/proc/{pid}/status")
        self.samples: list[float] = []
        self.marks: list[float] = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def sample(self) -> float:
        """Now."""
        return self.read("VmRSS")

    def peak(self) -> float:
        """The most since forget_peak()."""
        return self.read("VmHWM")

    def forget_peak(self) -> None:
        """Lets the peak start from what it is now."""
        self.status.with_name("clear_refs").write_text("5", encoding="utf-8")

    def read(self, what: str) -> float:
        """A line of the status, in MiB."""
        found = re.search(
            rf"^{what}:\s+(\d+) kB", self.status.read_text(encoding="utf-8"), re.MULTILINE
        )
        if not found:
            raise Failure("troupe serve has ended")
        return int(found.group(1)) / 1024

    def mark(self) -> None:
        """Remembers what it is at this point."""
        self.marks.append(self.sample())

    def watch(self) -> None:
        """Until it is done or the process is gone."""
        while not self.done.wait(0.5):
            try:
                self.samples.append(self.sample())
            except (OSError, Failure):
                return

    def __enter__(self) -> "Memory":
        self.samples.append(self.sample())
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
        with contextlib.suppress(OSError, Failure):
            self.samples.append(self.sample())
