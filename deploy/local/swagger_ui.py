"""Fetches Swagger UI's files, once, from the machine's npm registry.

The version and its hash are pinned in deploy/packages/swagger-ui.pin; the build embeds the files
(cmake/swagger_ui.cmake).
Usage: swagger_ui.py FOLDER
"""

import base64
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

PIN = pathlib.Path(__file__).parent.parent / "packages" / "swagger-ui.pin"


def fetch(folder: pathlib.Path) -> None:
    """Leaves the package's files in the folder, unless the pinned version is there already."""
    package, version, integrity = PIN.read_text(encoding="utf-8").split()
    stamp = folder / "pin"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == integrity:
        return
    print(f"troupe: fetching {package} {version} by npm", file=sys.stderr)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        archive = download(f"{package}@{version}", pathlib.Path(work))
        check(archive, integrity)
        with tarfile.open(archive) as tar:
            tar.extractall(work, filter="data")
        unpacked = pathlib.Path(work) / "package"
        (unpacked / "pin").write_text(integrity, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)


def download(spec: str, folder: pathlib.Path) -> pathlib.Path:
    """npm's tarball of the package."""
    command = ["npm", "pack", spec, "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        problem = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError:
        problem = "npm is not installed"
    except subprocess.TimeoutExpired:
        problem = "npm did not answer within three minutes"
    archives = list(folder.glob("*.tgz"))
    if problem or not archives:
        sys.exit(
            f"troupe: could not fetch {spec}: {problem or 'npm made no file'}\n"
            "troupe: check npm's settings, or build without the API's page: "
            "./dev build -- -DTROUPE_DOCS=OFF"
        )
    return archives[0]


def check(archive: pathlib.Path, integrity: str) -> None:
    """Exits unless the file is the pinned one."""
    algorithm, expected = integrity.split("-", 1)
    digest = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if digest != expected:
        sys.exit(
            f"troupe: {archive.name} is not the pinned file ({algorithm} {digest}, not {expected})"
        )


if __name__ == "__main__":
    fetch(pathlib.Path(sys.argv[1]))
