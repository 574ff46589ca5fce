"""Fixtures: one cluster with a running server per file of tests, and people to send requests as."""

import os
from collections.abc import Callable, Iterator

import pytest
from client import Api, Session, fresh_name
from troupe_server import Cluster, Server, World, fresh_cluster


def pytest_sessionstart() -> None:
    """On Citus, where there is none, the run counts as skipped (CTest's code for that)."""
    if "TROUPE_TEST_ON_CITUS" in os.environ and "TROUPE_TEST_CITUS" not in os.environ:
        pytest.exit("this machine's PostgreSQL has no extension Citus", returncode=77)


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
def server(cluster: Cluster, world: World) -> Iterator[Server]:
    """A server that all tests of a file share. It must live through them without a fault of its own."""
    assert world.players
    running = cluster.serve()
    yield running
    assert running.alive(), running.tail()
    faults = [
        line for line in running.log_lines() if line["event"] in ("internal_error", "handler_threw")
    ]
    assert running.stop() == 0, running.tail()
    assert not faults


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[Api]:
    """Somebody without a token."""
    made = Api(server.url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def still_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """A server that a test has ended or broken is started again for the next one, but not in silence."""
    yield
    if not {"server", "api"} <= set(request.fixturenames):
        return
    running, client = request.getfixturevalue("server"), request.getfixturevalue("api").client
    if not running.alive():
        running.restart()
        client.base_url = running.url
        pytest.fail(f"the server did not outlive the test:\n{running.tail()}")


@pytest.fixture
def player(api: Api) -> Session:
    """A new player of the test's own."""
    return api.sign_up()


@pytest.fixture(scope="module")
def publisher(api: Api, world: World) -> Session:
    """The publisher."""
    one = world.of_role("publisher")
    return api.log_in(one.name, one.password)


@pytest.fixture(scope="module")
def operator(api: Api, world: World) -> Session:
    """The operator."""
    one = world.of_role("operator")
    return api.log_in(one.name, one.password)


@pytest.fixture
def new_studio(api: Api, publisher: Session) -> Callable[[], Session]:
    """Makes studios of the test's own; gives their owners, with the studio's id as theirs."""

    def make() -> Session:
        owner = {"username": fresh_name("o"), "password": "studio password"}
        answer = publisher.post(
            "/v1/publisher/studios", json={"name": fresh_name("Studio"), "owner": owner}
        )
        assert answer.status_code == 201, answer.text
        session = api.log_in(owner["username"], owner["password"])
        session.id = answer.json()["id"]
        return session

    return make


@pytest.fixture
def studio(new_studio: Callable[[], Session]) -> Session:
    """The owner of a new studio without games."""
    return new_studio()


@pytest.fixture
def new_game(studio: Session) -> Callable[[], dict]:
    """Makes games of the studio."""

    def make() -> dict:
        answer = studio.post("/v1/studios/me/games", json={"name": fresh_name("Game")})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return make


@pytest.fixture
def game(new_game: Callable[[], dict]) -> dict:
    """A new game of the studio."""
    return new_game()
