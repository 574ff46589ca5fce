"""Fixtures of tests/api, and a cluster as ./dev up starts it."""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "api"))

from troupe_server import Cluster, World, fresh_cluster  # noqa: E402


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two fresh databases with the tables in them."""
    with fresh_cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> World:
    """Who is in the databases from the start."""
    return cluster.generate()


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict]]:
    """Runs a drill on three nodes with servers of their own; gives its report."""
    binary = os.environ["TROUPE_BIN"]
    folder = tmp_path_factory.mktemp("local")
    environment = {**os.environ, "TROUPE_LOCAL": str(folder)}
    up = [sys.executable, str(TOP / "deploy" / "local" / "up.py")]

    def run(fault: str, *options: str) -> dict:
        command = [binary, "drill", fault, "--cluster", str(folder / "cluster.json"), "--json"]
        done = subprocess.run(
            [*command, "--rate", "300", "--seconds", "2", *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        lines = done.stdout.strip().splitlines()
        assert done.returncode in (0, 1) and lines, done.stdout + done.stderr
        return json.loads(lines[-1])

    try:
        started = subprocess.run(
            [*up, "up", "--binary", binary, "--nodes", "3", "--relays", "--detach"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert started.returncode == 0, started.stderr
        yield run
    finally:
        subprocess.run([*up, "down"], env=environment, check=False, timeout=120)
