"""Several processes of one CSS, on one PostgreSQL and one S3 store."""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from syncnb import ObjectMetaData, SyncServiceClient, updates
from syncnb.errors import ServiceError
from tests.servers import PASSWORD, PostgresServer, ServiceProcess, postgres_server

from .conftest import Operator, Storage, application_at, client_of

StorageOf = Callable[[str], Storage]
WaitUntil = Callable[..., None]
ADMIN = ("admin", "s3cret")


@pytest.fixture
def storage(storage_of: StorageOf) -> Storage:
    return storage_of("postgres-s3")


def put(url: str, path: str, **how: object) -> requests.Response:
    return requests.put(f"{url}/api/v1/objects/acme/{path}", auth=ADMIN, timeout=20, **how)  # type: ignore[arg-type]


def meta_of(name: str, version: str = "") -> dict[str, str]:
    return {
        "objectType": "model", "objectID": name, "destinationType": "edge", "version": version
    }  # fmt: skip


def test_waiting_call_at_one_process_is_woken_by_another(
    storage: Storage, operator: Operator
) -> None:
    """At once, in both directions, and not by what it does not wait for."""
    first, second = operator.css(storage, "a"), operator.css(storage, "b")
    for waits_at, happens_at in ((first, second), (second, first)):
        put(first.url, "model/o", json={"meta": meta_of("o")})
        path = "/api/v1/objects/acme/model?all_objects=true"
        known = requests.get(first.url + path, auth=ADMIN, timeout=10, headers={"Prefer": "wait=0"})
        tag = requests.get(
            waits_at.url + path, auth=ADMIN, timeout=10,
            headers={"Prefer": "wait=1", "If-None-Match": "none"},
        ).headers["ETag"]  # fmt: skip
        with ThreadPoolExecutor(1) as executor:
            began = time.monotonic()
            waiting = executor.submit(
                requests.get, waits_at.url + path, auth=ADMIN, timeout=40,
                headers={"Prefer": "wait=30", "If-None-Match": tag},
            )  # fmt: skip
            time.sleep(0.5)
            assert not waiting.done()
            name = f"new{waits_at.url[-3:]}"
            assert put(happens_at.url, f"model/{name}", json={"meta": meta_of(name)}).ok
            answer = waiting.result()
        assert time.monotonic() - began < 5
        assert answer.status_code == 200
        assert name in answer.text
        assert name not in known.text


def test_chunks_of_one_upload_may_arrive_at_any_process(
    storage: Storage, operator: Operator
) -> None:
    """In any order, several at once, and again; the data are right and no chunk stays behind."""
    services = [operator.css(storage, "a"), operator.css(storage, "b")]
    data, size = random.Random(3).randbytes(1_000_000), 100_000
    assert put(services[0].url, "model/o", json={"meta": meta_of("o")}).ok
    starts = list(range(0, len(data), size))
    random.Random(4).shuffle(starts)

    def send(at: int, service: ServiceProcess) -> int:
        spread = f"bytes {at}-{at + size - 1}/{len(data)}"
        chunk = data[at : at + size]
        return put(
            service.url, "model/o/data", data=chunk, headers={"Content-Range": spread}
        ).status_code

    with ThreadPoolExecutor(4) as executor:
        turns = itertools.cycle(services)
        codes = list(executor.map(send, [*starts[:3], *starts[:-1]], turns))
    assert set(codes) == {204}
    assert send(starts[-1], services[1]) == 204
    for service in services:
        with client_of(service) as client:
            assert client.read_object_data(client.get_object_metadata("model", "o")) == data


def test_upload_of_a_node_goes_on_at_another_process(
    storage: Storage, operator: Operator, wait_until: WaitUntil
) -> None:
    """The node's CSS is killed in the middle of 40 MB, and another takes its place."""
    first = operator.css(storage, "a")
    node = operator.ess(first.url)
    data = random.Random(5).randbytes(40_000_000)
    with application_at(node) as edge:
        meta = ObjectMetaData(object_type="log", object_id="big")
        edge.update_object(meta)
        edge.update_object_data(meta, data)
        time.sleep(random.uniform(0.1, 0.6))  # the moment itself is what is random here
        first.kill()
        second = operator.css(storage, "b", port=int(first.url.rpartition(":")[2]))
        with client_of(second) as client:
            wait_until(
                lambda: [m.object_id for m in client.get_updated_objects("log")] == ["big"],
                timeout=60,
                show=lambda: node.log,
            )
            (arrived,) = client.get_updated_objects("log")
            assert client.read_object_data(arrived) == data


def test_instance_ids_grow_across_processes(storage: Storage, operator: Operator) -> None:
    """Publications of one object through both, in turn."""
    services = [operator.css(storage, "a"), operator.css(storage, "b")]
    seen = []
    for service in services * 5:
        assert put(service.url, "model/o", json={"meta": meta_of("o"), "data": "AAAA"}).ok
        with client_of(services[0]) as client:
            seen.append(client.get_object_metadata("model", "o").instance_id)
    assert seen == sorted(set(seen))


def test_second_process_with_data_of_its_own_is_refused(
    storage_of: StorageOf, operator: Operator, tmp_path: Path
) -> None:
    """Half of the data would be where the other does not find them."""
    storage = storage_of("postgres-files")
    operator.css(storage, "a")
    second = subprocess.run(
        [sys.executable, "-m", "syncnb", "css", "--listen", "127.0.0.1:0", *storage.options,
         "--data", str(tmp_path / "b"), "--auth", str(tmp_path / "css-auth.json")],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert "s3://bucket/prefix" in second.stderr
    shared = Storage((*storage.options, "--blobs", f"file://{tmp_path}/shared"))
    third = subprocess.run(
        [sys.executable, "-m", "syncnb", "css", "--listen", "127.0.0.1:0", *shared.options,
         "--data", str(tmp_path / "c"), "--auth", str(tmp_path / "css-auth.json")],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert third.returncode == 2  # as long as the first one has its own


def test_processes_on_one_machine_may_share_a_folder(
    storage_of: StorageOf, operator: Operator, tmp_path: Path
) -> None:
    """Data that one took are read from the other."""
    plain = storage_of("postgres-files")
    storage = Storage((*plain.options, "--blobs", f"file://{tmp_path}/shared"))
    first, second = operator.css(storage, "a"), operator.css(storage, "b")
    with client_of(first) as one, client_of(second) as other:
        one.update_object(ObjectMetaData(object_type="model", object_id="o"), data=b"x" * 100_000)
        found = other.get_object_metadata("model", "o")
        assert other.read_object_data(found) == b"x" * 100_000


def test_password_is_never_shown(postgres: PostgresServer, tmp_path: Path) -> None:
    """Neither when it is wrong, nor when the URL is malformed, nor when nobody answers."""
    (tmp_path / "auth.json").write_text('{"credentials": {}}')
    (tmp_path / "password").write_text("s0-secret\n")
    for url, more in (
        (f"postgresql://css:s0-secret@127.0.0.1:{postgres.port}/postgres", ()),
        (f"postgresql://css:s0-secret@127.0.0.1:{postgres.port}/postgres?nonsense=1", ()),
        ("postgresql://css:s0-secret@127.0.0.1:1/postgres", ()),
        ("postgresql://css@127.0.0.1:1/postgres?password=s0-secret", ()),
        ("postgres:/css:s0-secret@host/postgres", ()),
        (
            f"postgresql://css@127.0.0.1:{postgres.port}/postgres",
            ("--database-password-file", str(tmp_path / "password")),
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "syncnb", "css", "--listen", "127.0.0.1:0", *more,
             "--database", url, "--data", str(tmp_path / "a"),
             "--auth", str(tmp_path / "auth.json")],
            capture_output=True, text=True, timeout=40, check=False,
        )  # fmt: skip
        assert done.returncode == 2, url
        assert "database" in done.stderr
        assert "s0-secret" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_password_may_come_from_a_file_or_the_environment(
    postgres: PostgresServer, operator: Operator, tmp_path: Path
) -> None:
    """So that it is in no list of processes."""
    url = postgres.new_database()
    plain = url.replace(url[url.index("css:") : url.index("@")], "css")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    from_file = Storage(
        ("--database", plain, "--database-password-file", str(tmp_path / "password"))
    )
    operator.css(from_file, "a").stop()
    operator.css(Storage(("--database", plain), {"PGPASSWORD": PASSWORD}), "b").stop()


def test_service_goes_on_after_the_database_was_away(
    operator: Operator, wait_until: WaitUntil, tmp_path: Path
) -> None:
    """Calls are answered with 503 meanwhile; what was acknowledged is there; waits are woken."""
    with postgres_server(durable=True) as server:
        shared = ("--blobs", f"file://{tmp_path}/shared")
        storage = Storage(("--database", server.new_database(), *shared))
        first, second = operator.css(storage, "a"), operator.css(storage, "b")
        assert put(first.url, "model/before", json={"meta": meta_of("before"), "data": "AAAA"}).ok
        server.stop(signal.SIGQUIT)  # as a crash
        away = put(first.url, "model/away", json={"meta": meta_of("away"), "data": "AAAA"})
        assert away.status_code == 503
        server.start()
        wait_until(
            lambda: put(first.url, "model/after", json={"meta": meta_of("after")}).ok,
            show=lambda: first.log,
        )
        with client_of(second) as client:
            names = {one.object_id for one in client.get_objects("model")}
        assert {"before", "after"} <= names

        def woken() -> bool:
            """Once the listeners are back, a change at one process is heard at the other."""
            path = "/api/v1/objects/acme/model?all_objects=true"
            tag = requests.get(
                second.url + path, auth=ADMIN, timeout=10,
                headers={"Prefer": "wait=1", "If-None-Match": "none"},
            ).headers["ETag"]  # fmt: skip
            with ThreadPoolExecutor(1) as executor:
                waiting = executor.submit(
                    requests.get, second.url + path, auth=ADMIN, timeout=40,
                    headers={"Prefer": "wait=3", "If-None-Match": tag},
                )  # fmt: skip
                time.sleep(0.3)
                name = f"o{time.monotonic_ns()}"
                put(first.url, f"model/{name}", json={"meta": meta_of(name)})
                began = time.monotonic()
                return waiting.result().status_code == 200 and time.monotonic() - began < 2

        wait_until(woken, timeout=20)
        assert PASSWORD not in first.log + second.log


def test_text_that_databases_refuse_is_no_error(storage: Storage, operator: Operator) -> None:
    """NUL, halves of characters and names without end: answered as on any other storage."""
    css = operator.css(storage)
    body = b'{"meta": {"objectType": "model", "objectID": "o", "description": "a\\u0000b\\ud800c"}}'
    answer = put(css.url, "model/o", data=body)
    assert answer.status_code in (204, 400), answer.text
    long = "n" * 5000
    answer = put(css.url, f"model/{long}", json={"meta": meta_of(long)})
    assert answer.status_code in (204, 400), answer.text
    for path in ("model/%00", "mod%00el/o", "model/%ED%A0%80"):
        found = requests.get(f"{css.url}/api/v1/objects/acme/{path}", auth=ADMIN, timeout=10)
        assert found.status_code in (400, 403, 404), (path, found.status_code)
    node = ("node1", "t0ken")
    identity = {"X-Sync-Service-Dest": "acme/edge/node1"}
    link = f"{css.url}/spi/v1"
    assert requests.put(f"{link}/register-new/acme/edge/node1", auth=node, headers=identity,
                        timeout=10).status_code == 204  # fmt: skip
    assert put(css.url, "model/p", json={"meta": meta_of("p"), "data": "AAAA"}).ok
    with client_of(css) as client:
        instance = client.get_object_metadata("model", "p").instance_id
        told = requests.put(
            f"{link}/objects/acme/model/p/{instance}/{instance}/feedback", auth=node,
            headers=identity, timeout=10,
            data=b'{"Code": 1, "RetryInterval": 0, "Reason": "a\\u0000b\\ud800"}',
        )  # fmt: skip
        assert told.status_code == 204, told.text
        (at,) = client.get_object_destinations("model", "p")
        assert at.status == "error"
    odd = requests.put(f"{link}/objects/acme/model/p%00/1/1/received", auth=node, headers=identity,
                       timeout=10)  # fmt: skip
    assert odd.status_code in (400, 409)


# ------------------------------------------------------------- killed under load


class Publisher:
    """Publishes through whichever process answers, and remembers what was acknowledged."""

    def __init__(
        self, number: int, urls: list[str], programs: list[EdgeProgram], stop: threading.Event
    ) -> None:
        self._number, self._urls, self._stop = number, urls, stop
        self._programs = programs
        self.acknowledged: dict[str, tuple[str, str]] = {}  # name -> version, digest
        self.repeated: set[tuple[str, str]] = set()
        self.published = 0
        self.longest = 0.0  # seconds that one took
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        rng = random.Random(self._number)
        try:
            for count in itertools.count():
                if self._stop.is_set():
                    return
                name, version = f"p{self._number}-{count}", str(count)
                if count % 4 == 3:
                    name = self._consumed_everywhere() or name
                large = count % 5 == 0
                data = f"{name} {version} ".encode() + rng.randbytes(150_000 if large else 600)
                began = time.monotonic()
                self._publish(name, version, data, large=large)
                self.longest = max(self.longest, time.monotonic() - began)
                self.acknowledged[name] = (version, hashlib.sha256(data).hexdigest())
                self.published += 1
                self._stop.wait(0.1)  # the nodes should keep up
        except BaseException as error:  # noqa: BLE001  (the test looks at it)
            self.failure = error

    def _consumed_everywhere(self) -> str | None:
        """An object to publish anew: no program is in the middle of it."""
        for name, (version, _) in self.acknowledged.items():
            if all((name, version) in program.consumed for program in self._programs):
                return name
        return None

    def _publish(self, name: str, version: str, data: bytes, *, large: bool) -> None:
        body: dict[str, object] = {"meta": meta_of(name, version)}
        if not large:
            body["data"] = base64.b64encode(data).decode()
        self._call(name, version, f"model/{name}", json=body)
        if large:
            self._call(name, version, f"model/{name}/data", data=data)

    def _call(self, name: str, version: str, path: str, **how: object) -> None:
        deadline = time.monotonic() + 60
        turn = random.randrange(len(self._urls))
        while True:
            try:
                answer = put(self._urls[turn % len(self._urls)], path, **how)
                if answer.ok:
                    return
                assert answer.status_code == 503, f"{path}: {answer.status_code} {answer.text}"
            except requests.ConnectionError:
                pass
            assert time.monotonic() < deadline, f"{path} found nobody for a minute"
            self.repeated.add((name, version))  # it may have happened: then it happens again
            turn += 1
            time.sleep(0.05)


class EdgeProgram:
    """Consumes everything, and remembers what came and how often."""

    def __init__(self, client: SyncServiceClient, stop: threading.Event) -> None:
        self._client, self._stop = client, stop
        self.consumed: Counter[tuple[str, str]] = Counter()
        self.digests: dict[tuple[str, str], str] = {}
        self.failure: BaseException | None = None
        self.reports = 0
        self.threads = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in (self._consume, self._report)
        ]
        for thread in self.threads:
            thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (the test looks at it)
            self.failure = error

    def _consume(self) -> None:
        while not self._stop.is_set():
            # An object that was published twice after a kill may be replaced while it is read.
            with suppress(ServiceError):
                for update in updates("model", client=self._client, stop=self._stop):
                    with update:
                        data = update.path().read_bytes()
                        which = (update.name, update.version)
                        assert data.startswith(f"{update.name} {update.version} ".encode()), which
                        self.digests[which] = hashlib.sha256(data).hexdigest()
                    self.consumed[which] += 1

    def _report(self) -> None:
        for number in itertools.count():
            if self._stop.wait(0.05):
                return
            name = f"{id(self)}-{number}"
            self._client.update_object(
                ObjectMetaData(object_type="stats", object_id=name), data=f"{name} ".encode() * 9
            )
            self.reports += 1


def kill_under_load(
    storage: Storage, operator: Operator, wait_until: WaitUntil, *, kills: int, pause: float
) -> None:
    """Two processes, load through both; one is killed, another takes its place, and so on."""
    services = [operator.css(storage, "css0"), operator.css(storage, "css1")]
    urls = [one.url for one in services]
    nodes = [operator.ess(urls[n % 2], n + 1) for n in range(2)]
    with client_of(services[0]) as client:
        wait_until(lambda: len(client.get_destinations()) == 2)
    publishing, receiving = threading.Event(), threading.Event()
    clients = [application_at(node) for node in nodes]
    try:
        programs = [EdgeProgram(one, receiving) for one in clients]
        began = time.monotonic()
        publishers = [Publisher(number, urls, programs, publishing) for number in range(4)]
        for number in range(kills):
            time.sleep(pause * random.uniform(0.7, 1.3))  # the moment itself is what is random here
            victim = random.randrange(2)
            services[victim].kill()
            time.sleep(pause * random.uniform(0.1, 0.4))
            port = int(urls[victim].rpartition(":")[2])
            services[victim] = operator.css(storage, f"css{number + 2}", port=port)
        time.sleep(pause)
        publishing.set()
        for publisher in publishers:
            publisher.thread.join(70)
            assert publisher.failure is None, publisher.failure
        seconds = time.monotonic() - began
        acknowledged = {k: v for p in publishers for k, v in p.acknowledged.items()}
        repeated = {one for p in publishers for one in p.repeated}

        with client_of(services[0]) as one, client_of(services[1]) as other:
            newest = {(name, version) for name, (version, _) in acknowledged.items()}

            def missing() -> list[set[tuple[str, str]]]:
                for program in programs:
                    assert program.failure is None, program.failure
                return [newest - program.consumed.keys() for program in programs]

            def states() -> list[object]:
                return [
                    (which, other.get_object_destinations("model", which[0]))
                    for which in set().union(*missing())
                ]

            while left := sum(map(len, missing())):  # a loaded machine takes its time, but goes on
                wait_until(
                    lambda before=left: sum(map(len, missing())) < before,
                    timeout=60,
                    show=lambda: (missing(), states()),
                )
            settling = time.monotonic() - began - seconds
            for name, (version, digest) in acknowledged.items():
                for program in programs:
                    assert program.digests[name, version] == digest, name
                for client in (one, other):  # whichever process is asked
                    meta = client.get_object_metadata("model", name)
                    assert meta.version == version
                    assert hashlib.sha256(client.read_object_data(meta)).hexdigest() == digest, name
                wait_until(
                    lambda n=name: (
                        {d.status for d in other.get_object_destinations("model", n)}
                        == {"consumed"}
                    ),
                    show=lambda n=name: other.get_object_destinations("model", n),
                )
            for program in programs:
                twice = {which for which, times in program.consumed.items() if times > 1}
                assert twice <= repeated, twice - repeated
            receiving.set()
            for program in programs:
                for thread in program.threads:
                    thread.join(70)
            wanted = sum(program.reports for program in programs)
            wait_until(
                lambda: len(one.get_updated_objects("stats")) == wanted,
                timeout=60,
                show=lambda: (len(one.get_updated_objects("stats")), wanted),
            )
            for meta in one.get_updated_objects("stats"):
                assert other.read_object_data(meta) == f"{meta.object_id} ".encode() * 9
        published = sum(p.published for p in publishers)
        print(
            f"\n{kills} kills in {seconds:.0f} s: {published} publications acknowledged "
            f"({published / seconds:.0f}/s), {len(repeated)} repeated after a kill, the longest took "
            f"{max(p.longest for p in publishers):.1f} s; {sum(sum(p.consumed.values()) for p in programs)} "
            f"consumed on 2 nodes, the last {settling:.1f} s after the load; {wanted} reports arrived"
        )
    finally:  # also of a test that failed: its threads must not meet others
        publishing.set()
        receiving.set()
        for edge in clients:
            edge.close()


def test_killed_process_loses_nothing_under_load(
    storage: Storage, operator: Operator, wait_until: WaitUntil
) -> None:
    """One of two is killed, a third one takes its place."""
    kill_under_load(storage, operator, wait_until, kills=1, pause=2.0)


@pytest.mark.long
def test_killed_processes_lose_nothing_under_load_for_minutes(
    storage: Storage, operator: Operator, wait_until: WaitUntil
) -> None:
    """Twenty times."""
    kill_under_load(storage, operator, wait_until, kills=20, pause=4.0)
