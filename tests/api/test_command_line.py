"""The command line: help, configuration, exit codes. No server is started here."""

import hashlib
import json
import pathlib
import socket
import ssl
import subprocess
import tomllib

import pytest
from troupe_server import BINARY, Cluster, World

KEY = "k" * 40


def troupe(*words: str, cwd: pathlib.Path, **environment: str) -> subprocess.CompletedProcess:
    """Runs the binary with nothing but these variables."""
    return subprocess.run(
        [BINARY, *words],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("serve",),
        ("migrate",),
        ("migrate", "up"),
        ("migrate", "status"),
        ("generate",),
        ("openapi",),
        ("config",),
        ("config", "show"),
        ("config", "check"),
        ("config", "example"),
        ("config", "schema"),
        ("config", "reference"),
        ("certs",),
        ("certs", "ca"),
        ("certs", "node"),
        ("healthcheck",),
        ("drain",),
        ("provider-simulator",),
        ("version",),
    ],
)
def test_every_command_has_help_with_examples(tmp_path: pathlib.Path, command: tuple) -> None:
    done = troupe(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: troupe" in done.stdout
    assert "Examples:" in done.stdout
    assert done.stderr == ""


def test_the_version_is_told(tmp_path: pathlib.Path) -> None:
    done = troupe("version", cwd=tmp_path)
    for word in ("troupe ", "commit ", "compiler ", "CAF 0.18"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "subcommand"),
        (("migrat", "up"), "Did you mean migrate?"),
        (("config", "show", "--http.prot", "1"), "Did you mean --http.port?"),
        (("version", "--frobnicate"), "--frobnicate"),
        (("config",), "subcommand"),
    ],
)
def test_wrong_usage_is_64_and_says_what_was_meant(
    tmp_path: pathlib.Path, words: tuple, hint: str
) -> None:
    done = troupe(*words, cwd=tmp_path)
    assert done.returncode == 64
    assert hint in done.stderr


def test_a_wrong_configuration_is_78_with_every_error(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[http]\nprot = 1\nthreads = "many"\n[frob]\n', encoding="utf-8")
    done = troupe("--config", str(file), "config", "check", cwd=tmp_path, TROUPE_LOG_LEVEL="loud")
    assert done.returncode == 78
    for line in (
        f'{file}:2: unknown setting "http.prot"; did you mean "http.port"?',
        f"{file}:3: http.threads is not an integer",
        f'{file}:4: unknown section "frob"',
        'environment TROUPE_LOG_LEVEL: log.level "loud" is none of',
    ):
        assert line in done.stderr
    for command in (("serve",), ("migrate", "up"), ("config", "show"), ("healthcheck",)):
        assert troupe("--config", str(file), *command, cwd=tmp_path).returncode == 78


def test_a_configuration_without_key_and_database_cannot_serve(tmp_path: pathlib.Path) -> None:
    for command in (("config", "check"), ("serve",)):
        done = troupe(*command, cwd=tmp_path)
        assert done.returncode == 78
        assert "no database" in done.stderr
        assert "no auth.signing_key" in done.stderr
    done = troupe(
        "config", "check", "--database", "a=host=nowhere", cwd=tmp_path, TROUPE_AUTH_SIGNING_KEY=KEY
    )
    assert done.returncode == 0


def test_the_example_is_toml_that_passes(tmp_path: pathlib.Path) -> None:
    example = troupe("config", "example", cwd=tmp_path)
    assert example.returncode == 0
    tomllib.loads(example.stdout)
    (tmp_path / "troupe.toml").write_text(example.stdout, encoding="utf-8")
    done = troupe(
        "config", "check", "--database", "a=host=nowhere", cwd=tmp_path, TROUPE_AUTH_SIGNING_KEY=KEY
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_schema_accepts_the_example_and_refuses_what_the_loader_refuses(
    tmp_path: pathlib.Path,
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(troupe("config", "schema", cwd=tmp_path).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(tomllib.loads(troupe("config", "example", cwd=tmp_path).stdout))
    validator.validate({"database": [{"name": "a", "dsn_file": "/run/secrets/dsn"}]})
    for wrong in (
        {"http": {"prot": 1}},
        {"http": {"port": 70000}},
        {"http": {"idle_timeout": "soon"}},
        {"log": {"level": "loud"}},
        {"database": [{"dsn": "x"}]},
        {"frob": {}},
    ):
        assert not validator.is_valid(wrong), wrong


def test_show_tells_where_values_come_from_and_masks_secrets(tmp_path: pathlib.Path) -> None:
    (tmp_path / "troupe.toml").write_text("[http]\nthreads = 3\n", encoding="utf-8")
    done = troupe(
        *("config", "show", "--origin", "--http.port", "1234"),
        cwd=tmp_path,
        TROUPE_AUTH_SIGNING_KEY=KEY,
        TROUPE_REDIS_URL="redis://:hunter2@127.0.0.1/0",
    )
    assert done.returncode == 0

    def line(name: str) -> str:
        return next(one for one in done.stdout.splitlines() if one.startswith(f"{name} ="))

    assert line("port").split() == ["port", "=", "1234", "#", "flag", "--http.port"]
    assert line("threads").endswith("# troupe.toml:2")
    assert line("max_connections").endswith("# default")
    assert line("signing_key").endswith("# environment TROUPE_AUTH_SIGNING_KEY")
    assert KEY not in done.stdout and "hunter2" not in done.stdout
    assert tomllib.loads(done.stdout)["http"]["port"] == 1234


def test_a_configuration_file_may_be_named_by_the_environment(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("[http]\nport = 4321\n", encoding="utf-8")
    done = troupe("config", "show", "--json", cwd=tmp_path, TROUPE_CONFIG=str(file))
    assert json.loads(done.stdout)["http"]["port"] == 4321


def test_a_database_out_of_reach_is_69(tmp_path: pathlib.Path) -> None:
    nowhere = f"a=host={tmp_path} dbname=x"
    for command in (("migrate", "status"), ("migrate", "up")):
        done = troupe("--database", nowhere, *command, cwd=tmp_path)
        assert done.returncode == 69, done.stderr
        assert done.stderr.startswith("troupe: ")
    done = troupe("--database", nowhere, "serve", cwd=tmp_path, TROUPE_AUTH_SIGNING_KEY=KEY)
    assert done.returncode == 69, done.stderr


def test_certificates_are_made_for_an_authority_and_its_nodes(tmp_path: pathlib.Path) -> None:
    early = troupe("certs", "node", "node-1", cwd=tmp_path)
    assert early.returncode == 66
    assert "troupe certs ca" in early.stderr
    authority = troupe("certs", "ca", cwd=tmp_path)
    assert authority.returncode == 0, authority.stderr
    words = ("certs", "node", "node-1", "--dns", "node-1.svc", "--ip", "127.0.0.1")
    node = troupe(*words, cwd=tmp_path)
    assert node.returncode == 0, node.stderr
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "node-1.crt").read_text(encoding="utf-8"))
    assert hashlib.sha256(der).hexdigest() in node.stdout
    for name in ("ca.key", "node-1.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600

    again = troupe(*words, cwd=tmp_path)
    assert again.returncode == 73
    assert "--force" in again.stderr
    assert troupe(*words, "--force", cwd=tmp_path).returncode == 0
    assert troupe("certs", "node", "../node", cwd=tmp_path).returncode == 64
    assert troupe("certs", "node", "ca", cwd=tmp_path).returncode == 64
    assert troupe("certs", "node", "other", "--days", "9999", cwd=tmp_path).returncode == 64


def test_nobody_to_ask_is_unhealthy(tmp_path: pathlib.Path) -> None:
    assert troupe("healthcheck", "--set", "operations.port=1", cwd=tmp_path).returncode == 1


# -- with databases -----------------------------------------------------------------------------------------


def test_migrations_are_pending_then_applied(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = Cluster(tmp_path_factory.mktemp("empty"))
    try:
        made.create()
        assert made.command("migrate", "status", check=False).returncode == 1
        done = made.command("serve", check=False)
        assert done.returncode not in (0, 64), done.stderr  # refuses databases without its tables
        assert "migrate" in (done.stderr + done.stdout).lower()
        made.command("migrate", "up")
        status = made.command("migrate", "status")
        assert "applied" in status.stdout and "pending" not in status.stdout
        made.command("migrate", "up")  # once more changes nothing
        assert made.command("migrate", "status").stdout == status.stdout
        done = made.command("migrate", "up", "--set", "shards.player=8", check=False)
        assert done.returncode not in (0, 64), "the number of shards is fixed"
    finally:
        made.remove()


def test_generate_fills_empty_databases_only(cluster: Cluster, world: World) -> None:
    assert len(world.players) == 60
    assert len(world.studios()) == 4
    assert {one.role for one in world.staff} == {"publisher", "operator", "studio"}
    assert world.of_role("publisher").name == "owner"
    assert world.of_role("operator").name == "admin"
    again = cluster.command("generate", "--players", "5", check=False)
    assert again.returncode == 65, again.stderr
    wrong = cluster.command("generate", "--out", str(cluster.folder / "nowhere"), check=False)
    assert wrong.returncode in (64, 65, 73), wrong.stderr


def test_a_taken_port_ends_the_start(cluster: Cluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        # the public port last: by then the node has its shards, and must give them back
        for name in ("operations.port", "http.port"):
            done = cluster.command("serve", f"--{name}", port, check=False)
            assert done.returncode == 78, done.stderr
            assert "cannot_start" in done.stderr
    for database in ("a", "b"):
        with cluster.connect(database) as connection:
            owned = "select count(*) from troupe.shard_fence where owner is not null"
            assert connection.execute(owned).fetchone() == (0,)
