"""What was found, as a table, as JSON and in the words of progress lines."""

import dataclasses
import json
import pathlib
import sys


def say(text: str) -> None:
    """Progress; the results go to standard output."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclasses.dataclass
class Figure:
    """One line of the table. `value` must be at least `needed`, or at most when `less_is_better`."""

    measure: str
    ours: str
    theirs: str
    value: float
    needed: float
    unit: str
    less_is_better: bool = False

    @property
    def reached(self) -> bool:
        """Whether the figure holds."""
        return self.value <= self.needed if self.less_is_better else self.value >= self.needed

    def verdict(self) -> str:
        """Holds, or by how much it does not."""
        if self.reached:
            return "ok"
        part = abs(self.value / self.needed - 1) * 100
        return f"MISSED by {part:.0f} %"


@dataclasses.dataclass
class Report:
    """What was found."""

    figures: list[Figure] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    raw: dict = dataclasses.field(default_factory=dict)

    def note(self, text: str) -> None:
        """A figure without a demand, or a check that passed."""
        say(text)
        self.notes.append(text)

    def print(self) -> None:
        """The table."""
        head = ("measure", "ours", "theirs", "result", "needed", "")
        rows = [head]
        for f in self.figures:
            sign = "<=" if f.less_is_better else ">="
            rows.append(
                (
                    f.measure,
                    f.ours,
                    f.theirs,
                    f"{f.value:.2f} {f.unit}",
                    f"{sign} {f.needed:.2f} {f.unit}",
                    f.verdict(),
                )
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        print()
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        print()
        for note in self.notes:
            print(f"* {note}")

    def write(self, file: pathlib.Path) -> None:
        """The same for programs."""
        figures = [{**dataclasses.asdict(f), "reached": f.reached} for f in self.figures]
        content = {"figures": figures, "notes": self.notes, "raw": self.raw}
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def per_second(rate: float) -> str:
    """A rate for the table."""
    return f"{rate:,.0f}/s"
