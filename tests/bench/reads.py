"""The measures get and links: hot reads, at their owner and through another node."""

import contextlib
import http.client
import statistics
from collections.abc import Iterator

from processes import Failure
from report import Figure, per_second, say
from workbench import Bench, CONNECTIONS
from world import HOT_PLAYERS, World


def measure_get(bench: Bench, world: World, port: int, peer_port: int) -> None:
    """GET /v1/players/me from memory, against nginx and the peer."""
    token = world.hot_tokens.read_text(encoding="utf-8").split("\n", 1)[0]
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    link.request("GET", "/v1/players/me", headers={"Authorization": f"Bearer {token}"})
    answer = link.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise Failure(
            f"GET /v1/players/me answered {answer.status}: {body.decode(errors='replace')}"
        )
    say(
        f"get: GET /v1/players/me of {HOT_PLAYERS:,} players with {CONNECTIONS} connections; nginx with a body of"
        f" {len(body)} bytes; {bench.rounds} rounds of {bench.seconds} s each"
    )
    with bench.nginx(body) as nginx_port:
        for each in (port, peer_port, nginx_port):  # warm: players in memory, statements prepared
            bench.wrk(each, 2, "me", world.hot_tokens)
        found = bench.alternate(
            {
                "get troupe": lambda: bench.wrk(port, bench.seconds, "me", world.hot_tokens),
                "get nginx": lambda: bench.wrk(nginx_port, bench.seconds, "me", world.hot_tokens),
                "get peer": lambda: bench.wrk(peer_port, bench.seconds, "me", world.hot_tokens),
            }
        )
    ours = found["get troupe"]
    for name, theirs, needed in (
        ("nginx, static body", found["get nginx"], 0.40),
        ("FastAPI peer", found["get peer"], 15.0),
    ):
        bench.report.figures.append(
            Figure(
                f"GET me : {name}", per_second(ours), per_second(theirs), ours / theirs, needed, "x"
            )
        )


@contextlib.contextmanager
def linked_nodes(bench: Bench, world: World, mode: str) -> Iterator[tuple[int, int]]:
    """The ports of a node that owns all shards and of one that owns none, with links between them."""

    def flags(node: str, *more: str) -> list[str]:
        chosen = [f"--cluster.node={node}", f"--links.mode={mode}", *more]
        chosen += ["--cluster.drain_delay=0s"]
        if mode == "tls":
            for setting, file in (("certificate", f"{node}.crt"), ("key", f"{node}.key")):
                chosen.append(f"--links.{setting}_file={certificates / file}")
            chosen.append(f"--links.authority_file={certificates / 'ca.crt'}")
        return chosen

    certificates = bench.folder / "certificates"
    out = ("--out", certificates, "--force")
    bench.troupe("certs", "ca", *out, config=world.config)
    for node in ("owner", "gateway"):
        bench.troupe("certs", "node", node, "--ip", "127.0.0.1", *out, config=world.config)
    gateway = flags("gateway", "--cluster.roles=gateway")
    with bench.serving(world.config, *flags("owner"), name="owner") as (there, _):
        with bench.serving(world.config, *gateway, name="gateway") as (here, _):
            for port in (there, here):  # warm
                bench.wrk(port, 2, "me", world.hot_tokens)
            yield there, here


def measure_links(bench: Bench, world: World) -> None:
    """GET /v1/players/me through a node that owns nothing, against the owner's node; TLS against plain links."""
    say(
        f"links: GET /v1/players/me of {HOT_PLAYERS:,} players with {CONNECTIONS} connections, two nodes;"
        f" {bench.rounds} rounds of {bench.seconds} s each"
    )

    def read(port: int) -> float:
        return bench.wrk(port, bench.seconds, "me", world.hot_tokens)

    remote: dict[str, list[float]] = {"tls": [], "plain": []}
    shares: dict[str, list[float]] = {"tls": [], "plain": []}
    for number_of_round in range(bench.rounds):
        for mode in ("tls", "plain") if number_of_round % 2 else ("plain", "tls"):
            with linked_nodes(bench, world, mode) as (there, here):
                local, through = read(there), read(here)
            remote[mode].append(through)
            shares[mode].append(through / local)
            say(
                f"round {number_of_round + 1} of {bench.rounds}: {mode} links {through:,.0f}/s,"
                f" at the owner {local:,.0f}/s"
            )
    bench.report.raw.update({f"links {mode}": values for mode, values in remote.items()})
    tls, plain = (statistics.median(remote[mode]) for mode in ("tls", "plain"))
    share = statistics.median(shares["tls"])
    ratio = statistics.median(a / b for a, b in zip(remote["tls"], remote["plain"]))
    bench.report.figures += [
        Figure("GET me through a link", per_second(tls), per_second(tls / share), share, 0.5, "x"),
        Figure("links: TLS, plain", per_second(tls), per_second(plain), ratio, 0.8, "x"),
    ]
