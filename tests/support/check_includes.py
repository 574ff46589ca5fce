"""Which folder may include which: fails with one line per #include that breaks the rules.

The rules keep the layers apart: domain code does not know HTTP, base knows nobody, only app/ wires everything.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

# what actors' messages are made of
DOMAIN = [
    f"persistence/{name}.hpp"
    for name in ("caf_errors", "ports", "records", "type_ids", "write_unit")
]

# folder -> the folders (or single headers) of ours it may include besides itself; the longest matching prefix decides
ALLOWED = {
    "base": [],
    "config": ["base"],
    "persistence": ["base", "config"],
    "schedulers": ["base", "config", "actors/api", "persistence"],
    "actors/api": ["base", *DOMAIN],
    "actors/cluster/link": ["base"],
    "actors": ["base", "config", "schedulers", "actors/api", "actors/cluster/link", "persistence"],
    "gateway": ["base", "config", "actors/api", *DOMAIN],
    "app": [
        "base",
        "config",
        "persistence",
        "schedulers",
        "actors/api",
        "actors/cluster/link",
        "actors",
        "gateway",
    ],
}

# library headers that only some folders may see
CONFINED = {
    r"caf/": ["persistence", "schedulers", "actors", "gateway", "app"],
    r"pqxx/|libpq|hiredis/": ["persistence"],
    r"boost/beast": ["gateway", "actors/provider/fetch", "app"],
    r"boost/asio": ["gateway", "actors", "app"],
    r"toml\+\+/": ["config"],
    r"CLI/": ["app"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path: str) -> str | None:
    """The rule that a path falls under."""
    found = [folder for folder in ALLOWED if path.startswith(folder + "/")]
    return max(found, key=len, default=None)


def problem(source: str, quote: str, included: str) -> str | None:
    """What is wrong with that include, if anything."""
    folder = folder_of(source)
    if quote == "<":
        for pattern, where in CONFINED.items():
            if (
                re.match(pattern, included)
                and not source.startswith(tuple(one + "/" for one in where))
                and not source.endswith("/pch.hpp")
            ):
                return f"<{included}> belongs to {', '.join(where)}"
        return None
    if not (TOP / included).exists():
        return f'"{included}" is not a path from the top of the tree'
    target = folder_of(included)
    allowed = ALLOWED[folder]
    if (
        target == folder
        or included.startswith(folder + "/")
        or target in allowed
        or included in allowed
    ):
        return None
    if source.endswith("/pch.hpp") and included.endswith("/pch.hpp"):
        return None
    return f"{folder}/ may not include {included}"


def main() -> int:
    """Prints every broken rule; the exit code says whether there was one."""
    broken = 0
    for path in sorted(TOP.rglob("*.[hc]pp")):
        source = path.relative_to(TOP).as_posix()
        if folder_of(source) is None:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = match and problem(source, *match.groups())
            if wrong:
                print(f"{source}:{number}: {wrong}")
                broken += 1
    print(f"{broken} includes break the rules" if broken else "the include rules hold")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
