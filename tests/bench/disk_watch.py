"""How long the disk takes, beside a measure."""

import os
import pathlib
import threading
import time


class DiskWatch:
    """Writes a page durably every 5 ms while it is entered: no durable write can be faster than the disk is."""

    slow = 0.010  # seconds

    def __init__(self, folder: pathlib.Path):
        self.file = folder / "disk_watch"
        self.took: list[float] = []
        self.seconds = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self) -> None:
        """Until it is done."""
        page = b"\0" * 8192
        with self.file.open("wb", buffering=0) as file:
            file.write(page)
            os.fsync(file.fileno())
            started = time.monotonic()
            while not self.done.wait(0.005):
                os.pwrite(file.fileno(), page, 0)
                before = time.monotonic()
                os.fdatasync(file.fileno())
                self.took.append(time.monotonic() - before)
            self.seconds = time.monotonic() - started
        self.file.unlink()

    def text(self) -> str:
        """How long it took at most, and how much of the time it was in calls of 10 ms and more."""
        stalled = sum(each for each in self.took if each >= self.slow)
        return (
            f"a bare fdatasync took up to {max(self.took) * 1000:.0f} ms,"
            f" calls over {self.slow * 1000:.0f} ms {stalled / self.seconds:.1%} of the time"
        )

    def __enter__(self) -> "DiskWatch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
