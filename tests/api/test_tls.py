"""The public port over TLS."""

import pathlib
import socket
import ssl
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from client import PASSWORD, fresh_name
from troupe_server import Cluster, Server, World


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    paths = str(folder / "certificate.pem"), str(folder / "key.pem")
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ),
            *("-out", paths[0], "-keyout", paths[1], "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return paths


@pytest.fixture(scope="module")
def tls_server(cluster: Cluster, world: World, certificate: tuple[str, str]) -> Iterator[Server]:
    """One that speaks HTTPS."""
    assert world.players
    running = cluster.serve(
        http__tls_certificate_file=certificate[0], http__tls_key_file=certificate[1]
    )
    yield running
    assert running.stop() == 0


def address(server: Server) -> tuple[str, int]:
    """Of the public port."""
    url = httpx.URL(server.url)
    return url.host, url.port


def test_commands_speak_tls_and_know_whom_to_trust(
    cluster: Cluster, tls_server: Server, certificate: tuple[str, str], world: World
) -> None:
    admin = world.of_role("operator")
    words = ("--username", admin.name, "--password", admin.password)
    here = ("--url", tls_server.url)
    trusting = ("providers", *words, *here, "--ca-file", certificate[0])
    assert "circuit" in cluster.command(*trusting, "list").stdout
    stranger = cluster.command("providers", *words, *here, "list", check=False)
    assert stranger.returncode == 69
    assert "self-signed certificate" in stranger.stderr
    plain = tls_server.url.replace("https://", "http://")
    wrong = cluster.command("providers", *words, "--url", plain, "list", check=False)
    assert wrong.returncode == 69, wrong.stderr


def test_requests_are_answered_over_tls(tls_server: Server, certificate: tuple[str, str]) -> None:
    assert tls_server.url.startswith("https://")
    trust = ssl.create_default_context(cafile=certificate[0])
    with httpx.Client(base_url=tls_server.url, verify=trust) as client:
        body = {"name": fresh_name(), "password": PASSWORD}
        assert client.post("/v1/players", json=body).status_code == 201
        form = {"grant_type": "password", "username": body["name"], "password": PASSWORD}
        token = client.post("/v1/auth/token", data=form).json()["access_token"]
        for _ in range(20):
            answer = client.get("/v1/players/me", headers={"Authorization": f"Bearer {token}"})
            assert answer.json()["name"] == body["name"]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(tls_server: Server) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(address(tls_server), timeout=10) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(plain)


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 100, b"\xff" * 4096],
)
def test_what_is_no_tls_does_no_harm(
    tls_server: Server, certificate: tuple[str, str], sent: bytes
) -> None:
    with socket.create_connection(address(tls_server), timeout=20) as plain:
        plain.sendall(sent)
        plain.shutdown(socket.SHUT_WR)
        try:
            while plain.recv(4096):
                pass
        except ConnectionResetError:
            pass
    trust = ssl.create_default_context(cafile=certificate[0])
    with httpx.Client(base_url=tls_server.url, verify=trust) as client:
        assert client.get("/docs").status_code == 200


def test_a_bad_certificate_or_key_ends_the_start(
    cluster: Cluster, tls_server: Server, tmp_path: pathlib.Path, certificate: tuple[str, str]
) -> None:
    # Last in the file: the databases must be free.
    assert tls_server.stop() == 0
    broken = tmp_path / "broken.pem"
    broken.write_text("this is no certificate", encoding="ascii")
    for paths in ((str(broken), certificate[1]), (certificate[0], str(tmp_path / "none.pem"))):
        flags = ("--http.tls_certificate_file", paths[0], "--http.tls_key_file", paths[1])
        done = cluster.command("serve", *flags, check=False)
        assert done.returncode == 78, done.stderr
        assert "cannot_start" in done.stderr
