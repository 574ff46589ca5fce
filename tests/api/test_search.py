"""GET /search keeps its published contract, and /v1/events/search gives the same events page by page."""

import datetime
import gzip
import pathlib
import random
from collections.abc import Iterator

import httpx
import pytest
import yaml
from client import Api, Session, fresh_name, pointers, problem
from feed_server import FeedServer, event, feed
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from troupe_server import Cluster, Server, World, until

CONTRACT = pathlib.Path(__file__).parent.parent / "data" / "events" / "search-openapi.yaml"
UTC = datetime.timezone.utc
FIRST = datetime.datetime(2021, 3, 1)
COUNT = 120
# Spring 2021 in Madrid: the clocks go forward on 28 March.
ZONE = "Europe/Madrid"
SUMMER = datetime.datetime(2021, 3, 28, 2)


@pytest.fixture(scope="module")
def server(cluster: Cluster, world: World) -> Iterator[Server]:
    """One that may fetch from this machine."""
    assert world.players
    running = cluster.serve(providers__allow_private="true", providers__poll="200ms")
    yield running
    assert running.stop() == 0, running.tail()


def to_utc(local: str) -> datetime.datetime:
    """An instant of a time on the clocks of Madrid in that spring."""
    naive = datetime.datetime.fromisoformat(local)
    hours = 2 if naive >= SUMMER else 1
    return (naive - datetime.timedelta(hours=hours)).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def known(api: Api, operator: Session) -> Iterator[list[dict]]:
    """Events with everything that may be special about one: title, start and end as the provider says them."""
    chosen = random.Random(4)
    titles = ("Opera", "OPERETTE", "A &quot;quote&quot; &amp; more", "Ñandú", "\U0001f3ad")
    prices = ((), (("1", 10, "20"),), (("1", 10, "7.50"), ("2", 0, "0.1"), ("2", 5, "1000.05")))
    events = []
    for number in range(COUNT):
        # some start together, so that their ids decide
        start = FIRST + datetime.timedelta(hours=12 * (number % 100))
        end = start + datetime.timedelta(minutes=chosen.randrange(0, 3000))
        if SUMMER <= end < SUMMER + datetime.timedelta(hours=1):  # there is no such time
            end += datetime.timedelta(hours=1)
        events.append(
            {
                "title": titles[number % len(titles)],
                "starts": start.isoformat(),
                "ends": end.isoformat(),
                "zones": prices[number % len(prices)],
                "sold_out": "true" if number % 4 == 0 else "false",
            }
        )
    provider = FeedServer(
        feed(*(event(str(number), "1", **one) for number, one in enumerate(events)))
    )
    body = {
        "name": fresh_name("Halls"),
        "url": provider.url,
        "paused": True,
        "time_zone": ZONE,
    }
    added = operator.post("/v1/providers", json=body)
    assert added.status_code == 201, added.text
    path = f"/v1/providers/{added.json()['id']}"
    report = operator.post(path + "/fetch")
    assert report.status_code == 200 and report.json()["events"] == COUNT, report.text
    until(lambda: len(search(api)) == COUNT, "the search shows every event")
    for one in events:
        one["provider"] = added.json()["id"]
        one["provider_name"] = body["name"]
    yield events
    provider.stop()


@pytest.fixture(scope="module")
def contract() -> dict:
    """The published document, references resolved."""
    document = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))

    def resolved(node):
        if isinstance(node, list):
            return [resolved(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            return resolved(target)
        return {key: resolved(value) for key, value in node.items()}

    return resolved(document["paths"]["/search"]["get"])


def keeps(contract: dict, answer: httpx.Response) -> dict:
    """Checks that an answer is one that the contract names for its status, and gives its body."""
    described = contract["responses"][answer.status_code]
    (media,) = described["content"]
    assert answer.headers["content-type"] == media
    body = answer.json()
    schema = described["content"][media]["schema"]
    OAS30Validator(schema, format_checker=oas30_format_checker).validate(body)
    for one in (body["data"] or {}).get("events", []):
        datetime.date.fromisoformat(one["start_date"])
        datetime.date.fromisoformat(one["end_date"])
        for name in ("start_time", "end_time"):
            assert datetime.datetime.strptime(one[name], "%H:%M:%S")
    return body


def search(api: Api, **query: str) -> list[dict]:
    """What /search shows."""
    answer = api.client.get("/search", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["events"]


def pages(api: Api, limit: int, **query: str) -> list[dict]:
    """What /v1/events/search shows on all pages; checks their form."""
    found: list[dict] = []
    parameters = {**query, "limit": str(limit)}
    while True:
        answer = api.client.get("/v1/events/search", params=parameters)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"data", "error", "next"} and page["error"] is None
        events = page["data"]["events"]
        found += events
        if page["next"] is None:
            assert len(events) <= limit and "link" not in answer.headers
            return found
        assert len(events) == limit
        assert f"cursor={page['next']}" in answer.headers["link"]
        parameters["cursor"] = page["next"]


def local_times(one: dict) -> tuple[str, str]:
    """Start and end of an event of an answer."""
    return (f"{one['start_date']}T{one['start_time']}", f"{one['end_date']}T{one['end_time']}")


def test_answers_have_the_form_of_the_contract(api: Api, known: list[dict], contract: dict) -> None:
    assert {parameter["name"] for parameter in contract["parameters"]} == {"starts_at", "ends_at"}
    assert not any(parameter["required"] for parameter in contract["parameters"])
    body = keeps(contract, api.client.get("/search"))
    assert body["error"] is None
    events = body["data"]["events"]
    assert len(events) == len(known)
    assert all(set(one) == set(events[0]) for one in events)
    assert {(one["min_price"], one["max_price"]) for one in events} == {
        (None, None),
        (20, 20),
        (0.1, 1000.05),
    }
    assert {one["title"] for one in events} == {
        "Opera",
        "OPERETTE",
        'A "quote" & more',
        "Ñandú",
        "\U0001f3ad",
    }
    for query in (
        {parameter["name"]: parameter["schema"]["example"] for parameter in contract["parameters"]},
        {"starts_at": "2021-03-05T00:00:00Z"},
        {"ends_at": "2021-03-05T00:00:00Z"},
        {"starts_at": "2031-01-01T00:00:00Z"},
    ):
        keeps(contract, api.client.get("/search", params=query))
    assert search(api, starts_at="2031-01-01T00:00:00Z") == []


def test_a_range_holds_what_starts_and_ends_in_it(api: Api, known: list[dict]) -> None:
    everything = [(to_utc(one["starts"]), to_utc(one["ends"])) for one in known]
    chosen = random.Random(5)
    for turn in range(60):
        # often exactly the bounds of events, which belong to the range
        first = chosen.choice(everything)[0] + datetime.timedelta(seconds=chosen.choice((0, 0, 1)))
        last = chosen.choice(everything)[1] - datetime.timedelta(seconds=chosen.choice((0, 0, 1)))
        query = {}
        if turn % 3 != 1:
            query["starts_at"] = first.isoformat()  # ends in +00:00
        if turn % 3 != 2:
            query["ends_at"] = last.isoformat()
        wanted = [
            (starts, ends)
            for starts, ends in sorted(everything)
            if ("starts_at" not in query or starts >= first)
            and ("ends_at" not in query or ends <= last)
        ]
        found = search(api, **query)
        times = [tuple(to_utc(local) for local in local_times(one)) for one in found]
        assert sorted(times) == wanted, query
        assert [each[0] for each in times] == [
            each[0] for each in wanted
        ], "in order of their starts"
        same_start = zip(found, found[1:], strict=False)
        assert all(
            a["id"] < b["id"] for a, b in same_start if local_times(a)[0] == local_times(b)[0]
        )


def test_an_instant_may_be_written_with_any_offset(api: Api, known: list[dict]) -> None:
    assert known
    at = "2021-03-10T00:00:00Z"
    wanted = search(api, starts_at=at)
    assert 0 < len(wanted) < COUNT
    for other in ("2021-03-10T05:30:00+05:30", "2021-03-09T16:00:00-08:00", "2021-03-10t00:00:00z"):
        assert search(api, starts_at=other) == wanted, other
    # a fraction of a second after a start is after it
    on_time = search(api, starts_at="2021-03-09T23:00:00Z")
    late = search(api, starts_at="2021-03-09T23:00:00.001Z")
    assert len(late) < len(on_time)


def test_a_range_that_ends_before_it_starts_holds_nothing(api: Api, known: list[dict]) -> None:
    assert known
    assert search(api, starts_at="2021-04-01T00:00:00Z", ends_at="2021-03-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "query",
    [
        "starts_at=yesterday",
        "starts_at=",
        "starts_at=2021-03-01",
        "starts_at=2021-03-01T00:00:00",  # RFC 3339 wants an offset
        "starts_at=2021-02-30T00:00:00Z",
        "starts_at=2021-03-01T24:00:01Z",
        "ends_at=2021-03-01T00:00:00%2B24:00",
        "ends_at=1614556800",
        "starts_at=2021-03-01T00:00:00Z&starts_at=2021-03-02T00:00:00Z",
        "until=2021-03-01T00:00:00Z",
        "starts_at=%ff",
        "starts_at=%zz",
        "starts_at=%00",
    ],
)
def test_what_is_wrong_is_told_in_the_form_of_the_contract(
    api: Api, contract: dict, query: str
) -> None:
    answer = api.client.get("/search?" + query)
    assert answer.status_code == 400, answer.text
    body = keeps(contract, answer)
    assert body["data"] is None
    assert body["error"]["code"] and body["error"]["message"]


def test_an_unchanged_answer_is_not_sent_again(api: Api, known: list[dict]) -> None:
    assert known
    query = {"starts_at": "2021-03-10T00:00:00Z"}
    for path in ("/search", "/v1/events/search"):
        first = api.client.get(path, params=query)
        tag = first.headers["etag"]
        assert tag.startswith('"')
        again = api.client.get(path, params=query, headers={"If-None-Match": tag})
        assert again.status_code == 304 and not again.content
        assert again.headers["etag"] == tag
        other = api.client.get(path, params=query, headers={"If-None-Match": '"other"'})
        assert other.status_code == 200 and other.content == first.content
        head = api.client.head(path, params=query)
        assert head.status_code == 200 and not head.content
        assert head.headers["etag"] == tag


def test_large_answers_are_packed_for_those_who_like_it(api: Api, known: list[dict]) -> None:
    assert known
    plain = api.client.get("/search", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    request = api.client.build_request("GET", "/search", headers={"Accept-Encoding": "gzip"})
    packed = api.client.send(request, stream=True)
    raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content


def test_pages_give_what_the_search_gives(api: Api, known: list[dict]) -> None:
    assert known
    for query in (
        {},
        {"starts_at": "2021-03-10T00:00:00Z"},
        {"starts_at": "2021-03-05T00:00:00Z", "ends_at": "2021-03-20T00:00:00Z"},
        {"ends_at": "2021-01-01T00:00:00Z"},
    ):
        wanted = search(api, **query)
        for limit in (1, 7, 100):
            assert pages(api, limit, **query) == wanted


def test_pages_can_be_of_some_events_only(api: Api, known: list[dict]) -> None:
    total = pages(api, 100)
    provider, name = known[0]["provider"], known[0]["provider_name"]
    assert pages(api, 50, provider=provider) == total
    assert pages(api, 50, provider=name.upper()) == total
    assert pages(api, 50, provider="nobody") == []
    assert {one["title"] for one in pages(api, 9, title="oPEr")} == {"Opera", "OPERETTE"}
    assert {one["title"] for one in pages(api, 9, title="Ñ")} == {"Ñandú"}
    assert pages(api, 9, title="pera") == []
    on_sale, others = pages(api, 100, available="true"), pages(api, 100, available="false")
    by_id = {one["id"] for one in total}
    assert {one["id"] for one in on_sale} | {one["id"] for one in others} == by_id
    assert not {one["id"] for one in on_sale} & {one["id"] for one in others}
    assert others


def test_what_is_wrong_with_a_page_is_a_problem(api: Api, known: list[dict]) -> None:
    assert known

    def ask(**query: str) -> httpx.Response:
        return api.client.get("/v1/events/search", params=query)

    for query, pointer in (
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"starts_at": "yesterday"}, "starts_at"),
        ({"available": "perhaps"}, "available"),
        ({"title": "x" * 257}, "title"),
        ({"colour": "red"}, "colour"),
    ):
        assert {name.lstrip("?/") for name in pointers(ask(**query))} == {pointer}, query
    cursor = ask(limit="5").json()["next"]
    # a cursor belongs to the search that gave it
    assert ask(limit="5", cursor=cursor).status_code == 200
    problem(ask(limit="5", cursor=cursor, title="op"), 400, "invalid-cursor")
    problem(ask(limit="5", cursor="nonsense"), 400, "invalid-cursor")
