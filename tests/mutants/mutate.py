"""Writer lanes that miss one safeguard, and whether the history checker catches each.

mutate.py make NAME FOLDER: copies the lane's sources below FOLDER, with the safeguard NAME taken out. Fails when the
source is not what the mutant was made for. Run at build time.
mutate.py refused NAME PROGRAM: runs the scenario with that lane. Fails unless the checker refuses what it did, and says
why in the words the mutant is to be caught by.
"""

import dataclasses
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
STATEMENTS = "persistence/postgres/statements.hpp"
WRITER = "persistence/postgres/batch_writer.cpp"
TIME_LIMIT = 240  # seconds; it takes a few
SKIPPED = 77  # exit code: the servers it needs are not there


@dataclasses.dataclass
class Mutant:
    path: str
    times: int  # how often the source has the safeguard
    safeguard: str
    instead: str
    finding: str  # pattern of a line that the checker must print


MUTANTS = {
    # Neither epoch nor owner matter: whoever was an owner once may write.
    "fence_off": Mutant(
        STATEMENTS,
        4,
        "where f.epoch = w.epoch and f.owner = $4::uuid",
        "where w.epoch is not null and $4::uuid is not null",
        r"libraries: no order .* put \(201\) of player 0, game 1, key sleeper",
    ),
    # A lock that does not make a take-over wait.
    "key_share": Mutant(
        STATEMENTS,
        4,
        "for share of f",
        "for key share of f",
        r"libraries: no order .* read library \(200\) of player 2, game 0",
    ),
    # What the ledger has already is written again.
    "no_dedup": Mutant(
        WRITER,
        1,
        "if (fresh.size() < units.size()) {",
        "if (false) {",
        r"libraries: no order .* read library \(200\) of player 6, game 0",
    ),
    # Receipts are made when the rows are written, and whatever becomes of the commit.
    "reply_before_commit": Mutant(
        WRITER,
        1,
        """\
  calls.push_back({&sql::commit, {}});

  const auto done = connection_.run(calls);
""",
        """\
  const auto done = connection_.run(calls);
  if (done) {
    for (const auto& item : units) settle(item, {.status = write_status::committed}, out);
    const std::array end{call{&sql::commit, {}}};
    if (const auto ended = connection_.run(end); !ended) note(ended.error());
    return;
  }
""",
        r"ledger: put \(201\) of player 8, game 0, key killed is in the ledger 0 times",
    ),
}


def make(mutant: Mutant, folder: pathlib.Path) -> None:
    for path in (STATEMENTS, WRITER):
        text = (TOP / path).read_text()
        if path == mutant.path:
            if (found := text.count(mutant.safeguard)) != mutant.times:
                sys.exit(f"{path} has {found} times, not {mutant.times}:\n{mutant.safeguard}")
            text = text.replace(mutant.safeguard, mutant.instead)
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)


def refused(mutant: Mutant, program: str) -> None:
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=TIME_LIMIT)
    print(done.stdout, end="")
    if done.returncode == SKIPPED:
        sys.exit(SKIPPED)
    if done.returncode != 3:
        sys.exit(f"the checker did not refuse it: exit code {done.returncode}")
    if not re.search(mutant.finding, done.stdout):
        sys.exit(f"nothing that was found is like: {mutant.finding}")


def main() -> None:
    what, name, where = sys.argv[1:]
    if what == "make":
        make(MUTANTS[name], pathlib.Path(where))
    else:
        refused(MUTANTS[name], where)


if __name__ == "__main__":
    main()
