"""The operations port: health, metrics, insight, the log's level, draining."""

import json
import os
import pathlib
import re

from client import Api, Session, fresh_name
from troupe_server import Cluster, Server, until


def test_health_is_told(server: Server) -> None:
    for path in ("/livez", "/readyz", "/startupz"):
        assert server.operations(path).status_code == 200
    verbose = server.operations("/readyz?verbose").text
    for part in ("database a", "database b", "redis"):
        assert part in verbose.lower().replace(":", ""), verbose
    assert "[-]" not in verbose


def test_the_version_is_that_of_the_binary(cluster: Cluster, server: Server) -> None:
    assert server.operations("/version").json() == json.loads(
        cluster.command("version", "--json").stdout
    )


def test_the_configuration_is_shown_without_secrets(cluster: Cluster, server: Server) -> None:
    shown = server.operations("/config")
    config = shown.json()
    assert config["http"]["address"] == "127.0.0.1"
    assert config["log"]["level"] == "info"
    assert [one["name"] for one in config["database"]] == ["a", "b"]
    assert config["origins"]["auth.signing_key"] == "environment TROUPE_AUTH_SIGNING_KEY"
    assert cluster.signing_key not in shown.text
    for dsn in cluster.dsns.values():
        password = re.search(r"//[^:]*:([^@]*)@", dsn)
        assert not password or password[1] not in shown.text


def test_shards_and_nodes_are_shown(server: Server) -> None:
    shards = server.operations("/shards").json()
    assert shards
    text = server.operations("/shards").text
    for family in ("directory", "player", "catalog"):
        assert family in text
    assert server.operations("/nodes").json()


def test_requests_are_counted_by_route_and_status(
    server: Server, api: Api, player: Session
) -> None:
    def counted(status: str) -> float:
        return server.metric("troupe_http_requests_total", route="readMe", status=status)

    before = counted("200"), counted("401")
    for _ in range(5):
        player.get("/v1/players/me")
        api.client.get("/v1/players/me")
    until(lambda: (counted("200"), counted("401")) == (before[0] + 5, before[1] + 5), "counts", 10)
    seconds = server.metric("troupe_http_request_seconds_count", route="readMe")
    assert seconds == sum(before) + 10
    assert server.metric("troupe_http_request_seconds_bucket", route="readMe", le="+Inf") == seconds


def test_metrics_tell_about_every_part(server: Server) -> None:
    text = server.operations("/metrics").text
    for part in ("http", "writer", "reader", "redis", "password", "caf"):
        assert re.search(rf"^\w*{part}\w*[ {{]", text, re.MULTILINE), f"no metric about {part}"


def test_every_metric_is_documented(server: Server) -> None:
    """TROUPE_UPDATE_GOLDEN=1 adds what is missing. Some metrics are there only after a fault, so the page may
    know more than this server shows."""
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations" / "metrics.md"
    row = re.compile(r"\| `(\w+)` \| (\w+) \| (.*) \|")
    text = server.operations("/metrics").text
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    served = {name: (name, kind, helps.get(name, "")) for name, kind in kinds.items()}
    held = page.read_text(encoding="utf-8")
    documented = {found[0]: tuple(found) for found in row.findall(held)}
    if "TROUPE_UPDATE_GOLDEN" in os.environ:
        documented |= served
        rows = "".join(f"| `{n}` | {k} | {h} |\n" for n, k, h in sorted(documented.values()))
        head = held[: held.index("|---|")].rstrip("\n").rsplit("\n", 1)[0]
        page.write_text(f"{head}\n| metric | kind | what it says |\n|---|---|---|\n{rows}", "utf-8")
    wrong = {name for name, told in served.items() if documented.get(name) != told}
    assert (
        not wrong
    ), "TROUPE_UPDATE_GOLDEN=1 ./dev test api brings docs/operations/metrics.md up to date"


def test_the_logs_level_changes_while_running(server: Server, player: Session) -> None:
    def requests_logged(path: str) -> int:
        return sum(line.get("path") == path for line in server.log_lines())

    quiet, loud = f"/v1/games/{fresh_name('quiet')}", f"/v1/games/{fresh_name('loud')}"
    player.get(quiet)
    answer = server.operations("/log-level", "PUT", json={"level": "debug"})
    assert answer.json() == {"level": "debug"}
    assert server.operations("/log-level").json() == {"level": "debug"}
    player.get(loud)
    until(lambda: requests_logged(loud) == 1, "the request is logged")
    assert requests_logged(quiet) == 0
    assert server.operations("/log-level", "PUT", content="info").status_code == 200
    assert server.operations("/log-level", "PUT", content="loud").status_code == 422
    assert server.operations("/log-level").json() == {"level": "info"}


def test_other_methods_and_paths_are_refused(server: Server) -> None:
    assert server.operations("/nothing").status_code == 404
    assert server.operations("/metrics", "POST").status_code == 405
    assert server.operations("/drain").status_code == 405


def test_the_public_port_shows_nothing_of_this(server: Server, api: Api) -> None:
    for path in ("/metrics", "/config", "/shards", "/log-level", "/drain", "/readyz"):
        assert api.client.get(path).status_code == 404


def test_the_health_check_of_the_binary(cluster: Cluster, server: Server) -> None:
    port = server.admin_url.rsplit(":", 1)[1]

    def check(*words: str) -> int:
        return cluster.command(
            "healthcheck", "--set", f"operations.port={port}", *words, check=False
        ).returncode

    assert check() == 0
    assert check("--ready") == 0


def test_drain_ends_the_server(cluster: Cluster, server: Server) -> None:
    # Last in the file: it ends the server that the others use.
    answer = server.operations("/drain", "POST")
    assert answer.status_code == 202
    assert server.wait() == 0
    port = server.admin_url.rsplit(":", 1)[1]
    done = cluster.command("healthcheck", "--set", f"operations.port={port}", check=False)
    assert done.returncode == 1
    server.restart()
