"""Every setting is read by somebody: fails with one line per setting that only config/ knows.

A setting counts as read where its member's name stands behind its section's name, or behind the name of
something of its section's type, anywhere outside of config/ and tests/.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("base", "persistence", "schedulers", "actors", "gateway", "app")
ROW = re.compile(r'setting\{"(\w+)\.(\w+)"')


def names() -> list[tuple[str, str]]:
    """Section and key of every row of the table."""
    return ROW.findall((TOP / "config" / "table.cpp").read_text(encoding="utf-8"))


def sources() -> dict[str, str]:
    """The text of everything that may read settings."""
    return {
        path.relative_to(TOP).as_posix(): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((TOP / folder).rglob("*.[hc]pp"))
    }


def is_read(section: str, key: str, texts: dict[str, str]) -> bool:
    """Whether some file reads it: `x.http.port`, `http.port`, or `.port` in a file that names http_settings."""
    direct = re.compile(rf"\b{section}(\(\))?\.{key}\b")
    member = re.compile(rf"\.{key}\b")
    return any(
        direct.search(text)
        or (member.search(text) and re.search(rf"\b{section}_settings\b|\.{section}\b", text))
        for text in texts.values()
    )


def main() -> int:
    """Prints every setting that nobody reads; the exit code says whether there was one."""
    texts = sources()
    unread = [f"{section}.{key}" for section, key in names() if not is_read(section, key, texts)]
    for name in unread:
        print(f"{name} is declared in config/table.cpp, but nobody reads it")
    print(f"{len(names())} settings, {len(unread)} of them unread")
    return 1 if unread or not names() else 0


if __name__ == "__main__":
    sys.exit(main())
