"""Private servers below one folder: two PostgreSQL and a Redis, on free ports of 127.0.0.1.

As a library (Servers) for ./dev up; as a program for tests and benchmarks:

    servers.py run --dir FOLDER -- COMMAND...

starts fresh servers, names them in the command's environment (TROUPE_TEST_PG_A, TROUPE_TEST_PG_B
as libpq URIs, TROUPE_TEST_REDIS), runs the command, stops them and exits with the command's code.
Where PostgreSQL has the extension Citus, --citus adds a coordinator with two workers
(TROUPE_TEST_CITUS).
"""

import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from processes import Failure, Process, free_port, last_lines, poll, say, start, write_secret

PG_BIN = pathlib.Path("/usr/lib/postgresql/17/bin")

POSTGRES_SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
max_connections = 200
shared_buffers = 256MB
wal_level = logical
fsync = on
synchronous_commit = on
min_wal_size = 1GB
max_wal_size = 4GB
log_min_messages = warning
log_line_prefix = '%m [%p] %a '
"""

CITUS_SETTINGS = """\
shared_preload_libraries = 'citus'
shared_buffers = 64MB
max_prepared_transactions = 200
citus.recover_2pc_interval = 2s
citus.shard_count = 8
citus.enable_statistics_collection = off
citus.node_conninfo = 'sslmode=prefer'
"""

REDIS_SETTINGS = """\
bind 127.0.0.1
port {port}
dir {folder}
save ""
appendonly no
daemonize no
"""


class Postgres:
    """One PostgreSQL server with its data in `folder`; superuser and database are called troupe."""

    def __init__(
        self, folder: pathlib.Path, state: dict, dies_with_parent: bool, more_settings: str = ""
    ):
        self.folder = folder
        self.state = state
        self.dies_with_parent = dies_with_parent
        self.more_settings = more_settings
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self.pid_file = folder / "process.json"

    @property
    def dsn(self) -> str:
        """As libpq takes it."""
        return f"postgresql://troupe:{self.state['password']}@127.0.0.1:{self.state['port']}/troupe"

    def start(self) -> Process:
        """Returns when it answers. Its data is made on the first start."""
        if running := self.running():
            return running
        self.state.setdefault("password", secrets.token_urlsafe(18))
        self.state["port"] = free_port(self.state.get("port"))
        self.state["sockets"] = socket_folder(self.state.get("sockets"))
        if not (self.data / "PG_VERSION").exists():
            self.create()
        (self.data / "postmaster.pid").unlink(
            missing_ok=True
        )  # running() has shown that nobody uses it
        settings = POSTGRES_SETTINGS.format(**self.state) + self.more_settings
        write_secret(self.data / "troupe.conf", settings)
        give_to_postgres(self.data / "troupe.conf")
        process = start(
            [PG_BIN / "postgres", "-D", self.data],
            self.log,
            user_switch=as_postgres(self.folder),
            dies_with_parent=signal.SIGINT if self.dies_with_parent else None,
        )
        process.write(self.pid_file)
        answered = poll(lambda: self.answers() or not process.alive(), 60)
        if not process.alive() or not answered:
            raise Failure(
                f"PostgreSQL does not start:\n{last_lines(self.log)}\nThe whole log: {self.log}"
            )
        if "database" not in self.state:
            self.create_database()
            self.state["database"] = "troupe"
        return process

    def running(self) -> Process | None:
        """Its process, also one that an earlier run left behind."""
        if process := Process.read(self.pid_file):
            return process
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            if os.fsencode(self.data) in command.split(b"\0"):
                return Process.of(pid)
        return None

    def create(self) -> None:
        """initdb. A folder that an interrupted one left is made anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        password_file = self.folder / "password"
        write_secret(password_file, self.state["password"])
        give_to_postgres(self.folder, password_file)
        command = [
            *as_postgres(self.folder),
            PG_BIN / "initdb",
            "-D",
            self.data,
            "--username=troupe",
            "--encoding=UTF8",
        ]
        command += [
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            "--no-sync",
        ]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        password_file.unlink()
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise Failure(f"initdb failed: {done.stderr.strip()}")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("include 'troupe.conf'\n")

    def create_database(self) -> None:
        """The database troupe, once."""
        self.create_database_named("troupe")

    def create_database_named(self, name: str) -> None:
        """An empty one, unless it is there."""
        environment = {**os.environ, "PGPASSWORD": self.state["password"]}
        command = [
            PG_BIN / "createdb",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.state["port"]),
            "-U",
            "troupe",
            name,
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode and "already exists" not in done.stderr:
            raise Failure(f"createdb failed: {done.stderr.strip()}")

    def query(self, sql: str) -> None:
        """Runs a statement in the database troupe."""
        done = subprocess.run(
            [PG_BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn, "-c", sql],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failure(f"{sql.split()[0]} failed: {done.stderr.strip()}")

    def answers(self) -> bool:
        """Whether it takes connections."""
        command = [PG_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.state["port"])]
        return subprocess.run(command, check=False).returncode == 0

    def crash_and_start(self) -> None:
        """Immediate shutdown: nothing is finished, the next start recovers. Same port and password."""
        if process := self.running():
            process.stop(signal.SIGQUIT, 30)
        self.pid_file.unlink(missing_ok=True)
        self.start()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back."""
        if process := self.running():
            process.stop(signal.SIGINT, 30)
        self.pid_file.unlink(missing_ok=True)
        shutil.rmtree(self.state.get("sockets", ""), ignore_errors=True)


class Citus:
    """A coordinator and two workers, each a server of its own; the DSN is the coordinator's."""

    def __init__(self, folder: pathlib.Path, state: dict, dies_with_parent: bool):
        self.members = [
            Postgres(folder / name, state.setdefault(name, {}), dies_with_parent, CITUS_SETTINGS)
            for name in ("coordinator", "worker_1", "worker_2")
        ]

    @staticmethod
    def available() -> bool:
        """Whether PostgreSQL here has the extension: Debian has no package of it."""
        shares = subprocess.run(
            [PG_BIN / "pg_config", "--sharedir"], capture_output=True, text=True, check=False
        )
        return (pathlib.Path(shares.stdout.strip()) / "extension/citus.control").exists()

    @property
    def dsn(self) -> str:
        """The coordinator's, as libpq takes it."""
        return self.members[0].dsn

    def start(self) -> None:
        """Returns when the workers have joined the coordinator."""
        password = self.members[0].state.setdefault("password", secrets.token_urlsafe(18))
        for member in self.members:
            member.state["password"] = password
            member.start()
            member.query("create extension if not exists citus")
        for member in self.members:
            member.query(
                "insert into pg_dist_authinfo values"
                f" (0, 'troupe', 'password={password}') on conflict do nothing"
            )
        coordinator, *workers = self.members
        coordinator.query(
            f"select citus_set_coordinator_host('127.0.0.1', {coordinator.state['port']})"
        )
        for worker in workers:
            coordinator.query(f"select citus_add_node('127.0.0.1', {worker.state['port']})")

    def stop(self) -> None:
        """The coordinator first."""
        for member in self.members:
            member.stop()


class Redis:
    """One Redis server that keeps nothing on disk."""

    def __init__(self, folder: pathlib.Path, state: dict, dies_with_parent: bool):
        self.folder = folder
        self.state = state
        self.dies_with_parent = dies_with_parent
        self.log = folder / "redis.log"
        self.pid_file = folder / "process.json"

    @property
    def url(self) -> str:
        """redis://host:port/0"""
        return f"redis://127.0.0.1:{self.state['port']}/0"

    def start(self) -> Process:
        """Returns when it answers."""
        if running := Process.read(self.pid_file):
            return running
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state["port"] = free_port(self.state.get("port"))
        file = self.folder / "redis.conf"
        file.write_text(REDIS_SETTINGS.format(folder=self.folder, **self.state), encoding="utf-8")
        process = start(
            ["redis-server", file],
            self.log,
            dies_with_parent=signal.SIGTERM if self.dies_with_parent else None,
        )
        process.write(self.pid_file)
        answered = poll(lambda: self.answers() or not process.alive(), 30)
        if not process.alive() or not answered:
            raise Failure(
                f"Redis does not start:\n{last_lines(self.log)}\nThe whole log: {self.log}"
            )
        return process

    def answers(self) -> bool:
        """Whether it answers a PING."""
        with contextlib.suppress(OSError), socket.create_connection(
            ("127.0.0.1", self.state["port"]), 1
        ) as link:
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
        return False

    def stop(self) -> None:
        """There is nothing to save."""
        if process := Process.read(self.pid_file):
            process.stop(signal.SIGTERM, 10)
        self.pid_file.unlink(missing_ok=True)


class Servers:
    """The three of them below one folder; ports and passwords are kept in its servers.json."""

    def __init__(self, folder: pathlib.Path, *, dies_with_parent: bool = False):
        self.folder = folder.resolve()
        self.file = self.folder / "servers.json"
        self.state = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        make = {"pg_a": Postgres, "pg_b": Postgres, "redis": Redis}
        self.members = {
            name: kind(self.folder / name, self.state.setdefault(name, {}), dies_with_parent)
            for name, kind in make.items()
        }

    def start(self) -> None:
        """All at once; returns when all answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            # the kernel ties a process to the thread that started it: they have to outlive start()
            self.pool = concurrent.futures.ThreadPoolExecutor(len(self.members))
            for one in [self.pool.submit(member.start) for member in self.members.values()]:
                one.result()
        finally:
            write_secret(self.file, json.dumps(self.state, indent=2))

    def stop(self) -> None:
        """Redis first, then the databases, both at once."""
        self.members["redis"].stop()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: self.members[name].stop(), ("pg_a", "pg_b")))

    def pids(self) -> dict[str, int]:
        """The processes by name."""
        found = {name: Process.read(member.pid_file) for name, member in self.members.items()}
        return {name: process.pid for name, process in found.items() if process}

    def addresses(self) -> dict[str, str]:
        """pg_a, pg_b and redis as URIs."""
        return {
            "pg_a": self.members["pg_a"].dsn,
            "pg_b": self.members["pg_b"].dsn,
            "redis": self.members["redis"].url,
        }


def as_postgres(folder: pathlib.Path) -> list[str]:
    """What to put before a command of PostgreSQL's, which refuses to run as root."""
    if os.geteuid() != 0:
        return []
    switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    try:
        if subprocess.run([*switch, "test", "-x", folder], check=False).returncode == 0:
            return switch
    except FileNotFoundError:
        raise Failure("setpriv is missing; install util-linux") from None
    # below a folder that is closed to others, such as root's home: it may pass through, no more
    return [*switch, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def give_to_postgres(*paths: pathlib.Path) -> None:
    """Makes it the owner, when this is root."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)


def socket_folder(known: str | None) -> str:
    """A folder with a short name: the path of a Unix socket has at most 107 bytes."""
    if not known or not pathlib.Path(known).is_dir():
        known = tempfile.mkdtemp(prefix="troupe-", dir="/tmp")
    give_to_postgres(pathlib.Path(known))
    return known


@contextlib.contextmanager
def own_folder(parent: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder below the parent that no other run uses: the first of 0, 1 … with a free lock."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(100):
        with (parent / f"{number}.lock").open("w", encoding="utf-8") as lock:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield parent / str(number)
                return
    raise Failure(f"a hundred runs at once below {parent}")


def run(parent: pathlib.Path, command: list[str], with_citus: bool) -> int:
    """The command's exit code. Signals go to the command; the servers are stopped after it."""
    with own_folder(parent) as folder:
        Servers(folder).stop()  # what a run that was killed may have left
        shutil.rmtree(folder, ignore_errors=True)
        servers = Servers(folder, dies_with_parent=True)
        citus = Citus(folder / "citus", {}, True) if with_citus and Citus.available() else None
        try:
            servers.start()
            if citus:
                citus.start()
            addresses = servers.addresses()
            environment = {
                **os.environ,
                "TROUPE_TEST_PG_A": addresses["pg_a"],
                "TROUPE_TEST_PG_B": addresses["pg_b"],
                "TROUPE_TEST_REDIS": addresses["redis"],
            }
            if citus:
                environment["TROUPE_TEST_CITUS"] = citus.dsn
            return run_command(command, environment)
        finally:
            if citus:
                citus.stop()
            servers.stop()


def run_command(command: list[str], environment: dict[str, str]) -> int:
    """Runs it in the foreground; SIGTERM and SIGHUP are passed on, Ctrl-C reaches it by itself."""
    child = subprocess.Popen(command, env=environment)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: child.send_signal(received))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = child.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(
        description="Runs a command with private PostgreSQL and Redis servers."
    )
    parser.add_argument("verb", choices=["run"])
    parser.add_argument(
        "--dir", type=pathlib.Path, required=True, help="where the servers keep their files"
    )
    parser.add_argument(
        "--citus", action="store_true", help="a Citus besides, where the extension is installed"
    )
    parser.add_argument("command", nargs="+", help="after --")
    arguments = parser.parse_args()
    try:
        return run(arguments.dir, arguments.command, arguments.citus)
    except Failure as failure:
        say(str(failure))
        return 1


if __name__ == "__main__":
    sys.exit(main())
