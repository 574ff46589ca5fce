"""Troupe with its own servers, for trying it and for working on it.

    up.py up --binary FILE [--nodes N] [--detach] [--fresh] [--port N] [--admin-port N]
    up.py down
    up.py kill|pause|resume|restart NODE
    up.py add

Everything is below .local/ of the checkout, or where TROUPE_LOCAL says: the configuration (troupe.toml), the credentials of
the demo population (players.csv, users.csv), the servers' data (up/), what runs (up.json).
"""

import argparse
import contextlib
import csv
import fcntl
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from processes import Failure, Process, free_port, last_lines, poll, say, start, write_secret
from servers import Servers

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
LOCAL = pathlib.Path(os.environ.get("TROUPE_LOCAL", TOP / ".local"))
FOLDER = LOCAL / "up"
CONFIGURATION = LOCAL / "troupe.toml"
SUMMARY = LOCAL / "up.json"
CLUSTER = LOCAL / "cluster.json"  # for troupe drill
PROVIDERS = FOLDER / "providers.json"  # ports of the demo providers
HERE = pathlib.Path(__file__).resolve().parent
POPULATION = ["--players", "1000", "--studios", "10", "--seed", "1"]

CONFIGURATION_TEXT = """\
# Written by ./dev up at every start. To try other settings: troupe --config COPY serve
[http]
address = "127.0.0.1"
port = {port}

[operations]
address = "127.0.0.1"
port = {admin_port}

[redis]
url = "{redis}"

[auth]
signing_key_file = "{signing_key}"

# the demo providers are on this machine
[providers]
allow_private = true

[log]
format = "{log_format}"
level = "{log_level}"
{cluster}
[[database]]
name = "a"
dsn = "{pg_a}"

[[database]]
name = "b"
dsn = "{pg_b}"
"""


CLUSTER_TEXT = """
# for drills, whose many clients have one address
[limits]
address_rate = 0
principal_rate = 0

[cluster]
node = "{name}"

[links]
mode = "tls"
certificate_file = "{certificates}/{name}.crt"
key_file = "{certificates}/{name}.key"
authority_file = "{certificates}/ca.crt"
{relay}"""
MOST_NODES = 9


class Node:
    """One Troupe process of the checkout, by its number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"n{number}"
        self.pid_file = FOLDER / ("troupe.json" if number == 1 else f"{self.name}.json")
        self.log = FOLDER / ("troupe.log" if number == 1 else f"{self.name}.log")
        self.configuration = CONFIGURATION if number == 1 else FOLDER / f"{self.name}.toml"

    def process(self) -> Process | None:
        """Its process, if it runs."""
        return Process.read(self.pid_file)

    def start(self, binary: pathlib.Path, admin_port: int) -> Process:
        """Returns when it is ready."""
        process = start([binary, "--config", self.configuration, "serve"], self.log)
        process.write(self.pid_file)
        ready = poll(lambda: answers(admin_port) or not process.alive(), 60, 0.05)
        if not process.alive():
            raise Failure(
                f"Troupe ended at once:\n{last_lines(self.log)}\nThe whole log: {self.log}"
            )
        if not ready:
            raise Failure(
                f"Troupe is not ready after a minute:\n{last_lines(self.log)}\n"
                f"The whole log: {self.log}"
            )
        return process

    def summary(self, port: int, admin_port: int) -> dict:
        """What other programs need to know of it."""
        process = self.process()
        return {
            "name": self.name,
            "number": self.number,
            "url": f"http://127.0.0.1:{port}",
            "admin_url": f"http://127.0.0.1:{admin_port}",
            "port": port,
            "admin_port": admin_port,
            "pid": process.pid if process else None,
            "pid_file": str(self.pid_file),
            "configuration": str(self.configuration),
            "log": str(self.log),
        }


class Instance:
    """The one cluster of this checkout, with its servers. Only who holds the lock changes it."""

    def __init__(self) -> None:
        self.servers = Servers(FOLDER)
        self.signing_key = FOLDER / "signing.key"
        self.generated = FOLDER / "generated"
        self.certificates = FOLDER / "certificates"
        self.first = Node(1)

    def prepare(self) -> None:
        """Servers; the key that access tokens are signed with, once."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        say("starting PostgreSQL (two) and Redis")
        self.servers.start()
        if not self.signing_key.exists():
            write_secret(self.signing_key, secrets.token_hex(32))

    def fill(self, binary: pathlib.Path) -> None:
        """Tables, at first the demo population. Needs the first node's configuration."""
        say("bringing the databases' tables up to date")
        self.command(binary, "migrate", "up")
        if not self.generated.exists():
            say("generating players, studios and games")
            self.command(binary, "generate", *POPULATION, "--out", str(LOCAL))
            self.generated.touch()

    def provide(self, binary: pathlib.Path, url: str) -> None:
        """Two providers of events, the first time with their rows: one that is made up, and a file."""
        say("starting the demo providers of events")
        ports = json.loads(PROVIDERS.read_text(encoding="utf-8")) if PROVIDERS.exists() else {}
        fresh = not ports
        ports = {name: free_port(ports.get(name)) for name in ("made-up", "file")}
        commands = {
            "made-up": [binary, "provider-simulator", "--port", str(ports["made-up"])]
            + ["--events", "200", "--zones", "20", "--change-every", "30"],
            "file": [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
            + ["--directory", str(HERE / "feeds"), str(ports["file"])],
        }
        for name, command in commands.items():
            process = start(command, FOLDER / f"provider-{name}.log")
            process.write(FOLDER / f"provider-{name}.json")
        PROVIDERS.write_text(json.dumps(ports), encoding="utf-8")
        if not fresh:
            return
        with (LOCAL / "users.csv").open(encoding="utf-8", newline="") as file:
            operator = next(row for row in csv.DictReader(file) if row["role"] == "operator")
        form = {"grant_type": "password"} | {key: operator[key] for key in ("username", "password")}
        token = call(url + "/v1/auth/token", urllib.parse.urlencode(form).encode())["access_token"]
        for name, path in (("made-up", "events"), ("file", "city_halls.xml")):
            provider = {
                "name": {"made-up": "Made up", "file": "City halls"}[name],
                "url": f"http://127.0.0.1:{ports[name]}/{path}",
                "interval_s": 10,
                "time_zone": "Europe/Madrid",
            }
            call(url + "/v1/providers", json.dumps(provider).encode(), token)

    def relay(self, name: str, target: int) -> int:
        """The port of a relay to a port; it runs until ./dev down."""
        port = free_port()
        command = [sys.executable, str(HERE / "relay.py"), str(port), str(target)]
        process = start(command, FOLDER / "relays.log")
        process.write(FOLDER / f"relay-{name}.json")
        if not poll(lambda: listens(port) or not process.alive(), 10) or not process.alive():
            raise Failure(f"the relay {name} does not start: {FOLDER / 'relays.log'}")
        return port

    def configure(
        self,
        node: Node,
        binary: pathlib.Path,
        ports: tuple[int, int],
        log_format: str,
        linked: bool,
        relays: bool = False,
    ) -> None:
        """Writes a node's configuration, and its certificate when it is linked with others."""
        cluster = ""
        addresses = self.servers.addresses()
        if linked:
            relay = ""
            if relays:
                port = free_port()
                outside = self.relay(f"links-{node.name}", port)
                relay = f"port = {port}\nadvertise_port = {outside}\n"
                far = self.servers.state["pg_b"]["port"]
                near = self.relay(f"database-{node.name}", far)
                addresses["pg_b"] = addresses["pg_b"].replace(f":{far}/", f":{near}/")
            cluster = CLUSTER_TEXT.format(
                name=node.name, certificates=self.certificates, relay=relay
            )
            self.certify(node, binary)
        text = CONFIGURATION_TEXT.format(
            port=ports[0],
            admin_port=ports[1],
            log_format=log_format,
            # with the transitions of shards, which ./dev drill reads
            log_level="debug" if linked else "info",
            signing_key=self.signing_key,
            cluster=cluster,
            **addresses,
        )
        write_secret(node.configuration, text)

    def certify(self, node: Node, binary: pathlib.Path) -> None:
        """A certificate of the node's own, by the checkout's authority."""
        out = ["--out", str(self.certificates)]
        for name, words in (("ca", ["ca"]), (node.name, ["node", node.name, "--ip", "127.0.0.1"])):
            if not (self.certificates / f"{name}.crt").exists():
                self.run(["certs", *words, *out], [binary])

    def command(self, binary: pathlib.Path, *arguments: str) -> None:
        """A sub-command of Troupe's with the first node's configuration; it has to succeed."""
        self.run(list(arguments), [binary, "--config", CONFIGURATION])

    def run(self, arguments: list[str], program: list) -> None:
        """A sub-command of Troupe's that has to succeed."""
        log_file = self.first.log
        with log_file.open("ab") as log:
            done = subprocess.run(
                [*program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise Failure(
                f"troupe {' '.join(arguments[:2])} failed:\n{last_lines(log_file)}\n"
                f"The whole log: {log_file}\n"
                "If the data is from an older version and may go: ./dev up --fresh"
            )

    def stop(self) -> None:
        """Troupe first, so that it can finish its writes, then the servers."""
        running = [(node, process) for node in every_node() if (process := node.process())]
        if running:
            say("stopping Troupe")
            for _, process in running:  # one that sleeps cannot end
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
        stopping = [
            threading.Thread(target=stop_node, args=(node, process)) for node, process in running
        ]
        for one in stopping:
            one.start()
        for one in stopping:
            one.join()
        for node in every_node():
            node.pid_file.unlink(missing_ok=True)
        for file in [*FOLDER.glob("relay-*.json"), *FOLDER.glob("provider-*.json")]:
            if process := Process.read(file):
                process.stop(signal.SIGKILL, 5)  # it may be stopped, and holds nothing
            file.unlink(missing_ok=True)
        say("stopping Redis and PostgreSQL")
        self.servers.stop()
        SUMMARY.unlink(missing_ok=True)
        CLUSTER.unlink(missing_ok=True)

    def summary(self, binary: pathlib.Path, nodes: list[dict]) -> dict:
        """What other programs need to know, as it is written to up.json."""
        return {
            "url": nodes[0]["url"],
            "admin_url": nodes[0]["admin_url"],
            "pids": {"troupe": nodes[0]["pid"], **self.servers.pids()},
            "dsns": self.servers.addresses(),
            "files": {
                "players_csv": str(LOCAL / "players.csv"),
                "users_csv": str(LOCAL / "users.csv"),
                "configuration": str(CONFIGURATION),
            },
            "log": nodes[0]["log"],
            "binary": str(binary),
            "nodes": nodes,
        }


def remember(summary: dict) -> None:
    """Writes what runs, for people and programs, and for troupe drill."""
    write_secret(SUMMARY, json.dumps(summary, indent=2) + "\n")
    here = str(pathlib.Path(__file__).resolve())
    nodes = ("name", "url", "admin_url", "pid_file", "log")
    relays = any(FOLDER.glob("relay-*.json"))
    cluster = {
        "nodes": [{key: node[key] for key in nodes} for node in summary["nodes"]],
        "databases": [{"name": name, "dsn": summary["dsns"][f"pg_{name}"]} for name in "ab"],
        "commands": {
            "restart_node": [sys.executable, here, "restart"],
            "restart_database": [sys.executable, here, "restart-database"],
            "cut": [sys.executable, here, "cut"] if relays else [],
            "heal": [sys.executable, here, "heal"] if relays else [],
            "move_shards": [sys.executable, here, "move-shards"],
            "flush_redis": ["redis-cli", "-u", summary["dsns"]["redis"], "flushall"],
        },
    }
    write_secret(CLUSTER, json.dumps(cluster, indent=2) + "\n")


def every_node() -> list[Node]:
    """All that there may be."""
    return [Node(number) for number in range(1, MOST_NODES + 1)]


def stop_node(node: Node, process: Process) -> None:
    """Asks it to end; kills it when it does not."""
    if not process.stop(signal.SIGTERM, 30):
        say(f"Troupe {node.name} did not end within 30 s and was killed")


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def answers(admin_port: int) -> bool:
    """Whether Troupe says that it is ready."""
    with contextlib.suppress(OSError, ValueError):
        with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/readyz", timeout=2) as answer:
            return answer.status == 200
    return False


def choose_ports(arguments: argparse.Namespace, number: int) -> tuple[int, int]:
    """Of the API and of operations. Those of later nodes follow in steps of ten."""
    step = 10 * (number - 1)
    api = arguments.port + step if arguments.port else None
    admin = arguments.admin_port + step if arguments.admin_port else None
    return (
        choose_port(api, 8000 + step, "--port"),
        choose_port(admin, 8001 + step, "--admin-port"),
    )


def choose_port(demanded: int | None, usual: int, option: str) -> int:
    """The demanded port or a clear failure; without one the usual or a free one."""
    port = free_port(demanded or usual)
    if demanded and port != demanded:
        raise Failure(
            f"port {demanded} is taken on 127.0.0.1; choose another by {option}, or leave it out"
        )
    if port != (demanded or usual):
        say(f"port {usual} is taken; using {port} (choose one by {option})")
    return port


def welcome(summary: dict) -> str:
    """What a newcomer wants to see."""
    url, files = summary["url"], summary["files"]
    others = "".join(
        f"\n    node {node['name']}      {node['url']}  operations {node['admin_url']}"
        for node in summary["nodes"]
    )
    if len(summary["nodes"]) == 1:
        others = ""
    else:
        others += "\n    to play      ./dev kill 2, ./dev pause 2, ./dev add, ./dev drill --list\n"
    with open(files["players_csv"], encoding="utf-8", newline="") as file:
        player = next(csv.DictReader(file))
    return f"""
  Troupe is up.
{others}
    API          {url}/v1
    its page     {url}/docs
    operations   {summary['admin_url']}  (/readyz?verbose, /metrics, /shards, /nodes)
    log          {summary['log']}
    players      {files['players_csv']}  (names and passwords of the demo players)
    staff        {files['users_csv']}  (studios, publishers, operators)

  A first request, to paste:

    TOKEN=$(curl -s {url}/v1/auth/token -d grant_type=password -d 'username={player["name"]}' \\
      -d 'password={player["password"]}' | sed -E 's/.*"access_token": *"([^"]*)".*/\\1/')
    curl -s -H "Authorization: Bearer $TOKEN" {url}/v1/players/me

  Events of the demo providers:

    curl -s '{url}/search?starts_at=2021-06-01T00:00:00Z&ends_at=2021-07-31T23:59:59Z'
"""


def call(url: str, body: bytes, token: str = "") -> dict:
    """Posts a form, or JSON with a token; gives the JSON of the answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers if token else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        detail = error.read().decode(errors="replace")
        raise Failure(f"{url} answered {error.code}: {detail}") from None


@contextlib.contextmanager
def changing() -> Iterator[None]:
    """Only one start or stop at a time."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "up.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                "another ./dev up or ./dev down is at work in this checkout; wait for it"
            ) from None
        yield


def up(arguments: argparse.Namespace) -> int:
    """Starts; in the foreground it then shows the log until Ctrl-C or until Troupe ends."""
    # as an exception, so that a half-done start is undone
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    with changing():
        instance = Instance()
        if any(node.process() for node in every_node()):
            url = (
                json.loads(SUMMARY.read_text(encoding="utf-8"))["url"]
                if SUMMARY.exists()
                else "its port"
            )
            raise Failure(f"Troupe is already up at {url}; ./dev down stops it")
        if arguments.fresh:
            instance.servers.stop()
            shutil.rmtree(FOLDER, ignore_errors=True)
            instance = Instance()
        linked = arguments.nodes > 1
        # for programs, for people
        log_format = "json" if arguments.detach or linked else "text"
        try:
            instance.prepare()
            nodes = []
            for number in range(1, arguments.nodes + 1):
                node = Node(number)
                node.log.unlink(missing_ok=True)
                ports = choose_ports(arguments, number)
                instance.configure(
                    node, arguments.binary, ports, log_format, linked, arguments.relays
                )
                if number == 1:
                    instance.fill(arguments.binary)
                say("starting Troupe" + (f", node {node.name}" if linked else ""))
                node.start(arguments.binary, ports[1])
                nodes.append(node.summary(*ports))
            summary = instance.summary(arguments.binary, nodes)
            instance.provide(arguments.binary, summary["url"])
            remember(summary)
            print(welcome(summary), flush=True)
        except BaseException:
            signal.signal(
                signal.SIGINT, signal.SIG_IGN
            )  # the stop is bounded; a second Ctrl-C would leave things running
            instance.stop()
            raise
    if arguments.detach:
        print("  Stop it by: ./dev down\n", flush=True)
        return 0
    print("  Ctrl-C stops it. Its log:\n", flush=True)
    return foreground(instance, [Node(node["number"]) for node in nodes])


def foreground(instance: Instance, nodes: list[Node]) -> int:
    """Shows the logs until the end, whoever brings it about."""
    over = threading.Event()
    readers = [threading.Thread(target=follow, args=(node.log, over)) for node in nodes]
    for reader in readers:
        reader.start()
    code = 0
    try:
        while any(node.process() for node in every_node()):
            time.sleep(0.2)
        if SUMMARY.exists():  # not by ./dev down
            say("Troupe has ended by itself; its last lines are above")
            code = 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as above
    with contextlib.suppress(Failure), changing():  # ./dev down may be at it already
        instance.stop()
    over.set()
    for reader in readers:
        reader.join()
    return code


def follow(log: pathlib.Path, over: threading.Event) -> None:
    """Copies the log to the screen as it grows."""
    with log.open(encoding="utf-8", errors="replace") as file:
        while True:
            last = over.is_set()
            with contextlib.suppress(BrokenPipeError):
                shutil.copyfileobj(file, sys.stdout)
                sys.stdout.flush()
            if last:
                return
            over.wait(0.1)


def down() -> int:
    """Stops what ./dev up started, in whatever state it is."""
    with changing():
        instance = Instance()
        if not any(node.process() for node in every_node()) and not instance.servers.pids():
            say("nothing is up")
            SUMMARY.unlink(missing_ok=True)
            return 0
        instance.stop()
    return 0


def of_cluster(number: int | None) -> tuple[dict, dict]:
    """What runs, and of it the node with that number."""
    if not SUMMARY.exists():
        raise Failure("no cluster is up; ./dev up --nodes 3 starts one")
    summary = json.loads(SUMMARY.read_text(encoding="utf-8"))
    known = {node["number"]: node for node in summary["nodes"]}
    if number is not None and number not in known:
        numbers = ", ".join(str(each) for each in known)
        raise Failure(f"there is no node {number}; there are {numbers}")
    return summary, known.get(number, {})


def running_node(number: int) -> Process:
    """Of a node that must run."""
    of_cluster(number)
    if process := Node(number).process():
        return process
    raise Failure(f"node {number} does not run; ./dev restart {number} starts it")


def signal_node(arguments: argparse.Namespace) -> int:
    """kill, pause, resume."""
    process = running_node(arguments.node)
    number = {"kill": signal.SIGKILL, "pause": signal.SIGSTOP, "resume": signal.SIGCONT}
    os.kill(process.pid, number[arguments.verb])
    if arguments.verb == "kill":
        poll(lambda: not process.alive(), 5)
    done = {"kill": "killed", "pause": "paused", "resume": "runs again"}[arguments.verb]
    say(f"node {arguments.node} (process {process.pid}): {done}")
    return 0


def start_node(summary: dict, entry: dict) -> None:
    """Starts a node whose configuration is there, and remembers it."""
    Node(entry["number"]).start(pathlib.Path(summary["binary"]), entry["admin_port"])
    entry.update(Node(entry["number"]).summary(entry["port"], entry["admin_port"]))
    if not any(node["number"] == entry["number"] for node in summary["nodes"]):
        summary["nodes"].append(entry)
    remember(summary)
    say(f"node {entry['number']}: {entry['url']}, operations {entry['admin_url']}")


def restart(arguments: argparse.Namespace) -> int:
    """SIGTERM, unless it has ended already, and a new start."""
    with changing():
        summary, entry = of_cluster(arguments.node)
        node = Node(arguments.node)
        if process := node.process():
            stop_node(node, process)
        start_node(summary, entry)
    return 0


def add(_: argparse.Namespace) -> int:
    """One more node."""
    with changing():
        summary, _ = of_cluster(None)
        number = max(node["number"] for node in summary["nodes"]) + 1
        if len(summary["nodes"]) == 1:
            raise Failure("the one node has no links; ./dev down, then ./dev up --nodes 2 or more")
        if number > MOST_NODES:
            raise Failure(f"there are {MOST_NODES} nodes at most")
        instance = Instance()
        ports = choose_ports(argparse.Namespace(port=None, admin_port=None), number)
        node = Node(number)
        instance.configure(node, pathlib.Path(summary["binary"]), ports, "json", True)
        start_node(summary, node.summary(*ports))
    return 0


def restart_database(arguments: argparse.Namespace) -> int:
    """In immediate mode: as after a crash. Returns when it takes connections again."""
    of_cluster(None)
    Servers(FOLDER).members[f"pg_{arguments.name}"].crash_and_start()
    return 0


# What is cut, and the signals that cut it and heal it (relay.py).
CUTS = {
    "links": (signal.SIGSTOP, signal.SIGCONT),
    "links-one-way": (signal.SIGUSR1, signal.SIGUSR1),
    "database": (signal.SIGSTOP, signal.SIGCONT),
    "database-answers": (signal.SIGUSR2, signal.SIGUSR2),
}


def cut_or_heal(arguments: argparse.Namespace) -> int:
    """Tells relays: those before all links, or the last node's to database b."""
    summary, _ = of_cluster(None)
    last = summary["nodes"][-1]["name"]
    links = arguments.what.startswith("links")
    names = "relay-links-*.json" if links else f"relay-database-{last}.json"
    relays = [process for file in FOLDER.glob(names) if (process := Process.read(file))]
    if not relays:
        raise Failure("there are no relays; ./dev up --nodes 3 --relays")
    for process in relays:
        os.kill(process.pid, CUTS[arguments.what][arguments.verb == "heal"])
    return 0


def move_shards(_: argparse.Namespace) -> int:
    """A quarter of the players' shards to one more database of server b, and back home again."""
    summary, _ = of_cluster(None)
    server = Servers(FOLDER).members["pg_b"]
    extra = server.dsn.removesuffix("/troupe") + "/troupe_c"
    troupe = [summary["binary"], "--config", str(CONFIGURATION)]

    def run(*command: str, capture: bool = False) -> str:
        done = subprocess.run(
            [*troupe, *command], stdout=subprocess.PIPE if capture else None, text=True, check=False
        )
        if done.returncode:
            raise Failure(f"troupe {' '.join(command[:2])} failed")
        return done.stdout or ""

    server.create_database_named("troupe_c")
    run("databases", "add", "c", "--dsn", extra)
    homes = {
        (row["family"], row["shard"]): row["database"]
        for row in json.loads(run("shards", "list", "--json", capture=True))
    }
    moved = [f"player/{number}" for number in range(64)]
    run("shards", "move", *moved, "--to", "c")
    for home in ("a", "b"):
        back = [name for name in moved if homes["player", int(name.split("/")[1])] == home]
        run("shards", "move", *back, "--to", home)
    return 0


def number_of_nodes(text: str) -> int:
    """1 to 9."""
    number = int(text)
    if not 1 <= number <= MOST_NODES:
        raise argparse.ArgumentTypeError(f"from 1 to {MOST_NODES}")
    return number


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="./dev", description="Troupe with its own servers.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up", help="start")
    verb.add_argument("--binary", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    verb.add_argument(
        "--detach", action="store_true", help="return when it is ready; ./dev down stops it"
    )
    verb.add_argument(
        "--nodes", type=number_of_nodes, default=1, help="how many; with more than one, TLS links"
    )
    verb.add_argument(
        "--relays", action="store_true", help="with --nodes: relays in between, for drills that cut"
    )
    verb.add_argument("--fresh", action="store_true", help="throw the data away first")
    verb.add_argument("--port", type=int, help="of the API; without it 8000 or a free one")
    verb.add_argument("--admin-port", type=int, help="of operations; without it 8001 or a free one")
    verbs.add_parser("down", help="stop")
    for name, what in (
        ("kill", "end a node at once, by SIGKILL"),
        ("pause", "let a node sleep, by SIGSTOP"),
        ("resume", "wake a node that sleeps, by SIGCONT"),
        ("restart", "end a node by SIGTERM, if it runs, and start it again"),
    ):
        verb = verbs.add_parser(
            name, help=what, description=what, epilog=f"example: ./dev {name} 2"
        )
        verb.add_argument("node", type=int, help="its number, from 1")
    verb = verbs.add_parser("restart-database", help="crash a database and start it again")
    verb.add_argument("name", choices=("a", "b"))
    for name in ("cut", "heal"):
        verb = verbs.add_parser(
            name, help="the network of a cluster that was started with --relays"
        )
        verb.add_argument("what", choices=CUTS)
    verbs.add_parser("move-shards", help="a quarter of them to a new database, and back")
    verbs.add_parser("add", help="start one more node", description="start one more node")
    arguments = parser.parse_args()
    try:
        actions = {"up": up, "down": lambda _: down(), "restart": restart, "add": add}
        actions |= {"restart-database": restart_database, "move-shards": move_shards}
        actions |= {"cut": cut_or_heal, "heal": cut_or_heal}
        return actions.get(arguments.verb, signal_node)(arguments)
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything that was started is stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
