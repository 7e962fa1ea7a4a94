"""The client against a server that plays faults: always the right result or the right error."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import (
    AnswerError,
    ConnectionFailedError,
    ObjectNotFoundError,
    ServiceError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TransferBrokenError,
)

META = ObjectMetaData(object_type="t", object_id="i", object_size=10, instance_id=1)


def answer(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


@contextmanager
def server(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Gives these answers, one a connection, and remembers the requests; None more than silence."""
    left, requests = list(answers), []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = self.request.recv(65536)
                if not piece:
                    return
                head += piece
            requests.append(head)
            if not left:
                silence.wait(10)
                return
            self.request.sendall(left.pop(0))

    silence = threading.Event()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", requests
        silence.set()
        running.shutdown()


def test_nobody_listens() -> None:
    """The error has the URL, the reason of the network, and what to check."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme", key="k", secret="hidden")
    with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:1 .*refused.*Check") as caught:
        client.get_destinations()
    assert "hidden" not in repr(caught.value)
    assert "hidden" not in repr(client)


def test_silent_service_is_a_timeout() -> None:
    """Not a hang."""
    with (
        server() as (url, _),
        pytest.raises(ServiceTimeoutError, match="raise the client's timeout"),
    ):
        SyncServiceClient(url, timeout=0.3).update_object(META)


def test_reads_are_repeated_while_the_service_is_busy() -> None:
    """503 twice, then the answer."""
    with server(answer(503), answer(503), answer(200, b"ready")) as (url, requests):
        assert SyncServiceClient(url).get_object_status("t", "i") == "ready"
    assert len(requests) == 3


def test_deletions_are_not_repeated() -> None:
    """Some services forget to tell the nodes when asked twice (rest-api.md, 4.14)."""
    with server(answer(503), answer(204)) as (url, requests):
        with pytest.raises(ServiceUnavailableError, match="try again in a moment"):
            SyncServiceClient(url).delete_object("t", "i")
        assert len(requests) == 1


@pytest.mark.parametrize("cut", [0, 1, 9])
def test_download_that_breaks_says_where_to_go_on(cut: int) -> None:
    """Whatever arrived is in the file, and the offset is where it ends."""
    out = BytesIO()
    with (
        server(answer(200, b"0123456789"[:cut], length=10)) as (url, _),
        pytest.raises(TransferBrokenError) as caught,
    ):
        SyncServiceClient(url).fetch_object_data(META, out, retries=0)
    assert (caught.value.offset, out.getvalue()) == (cut, b"0123456789"[:cut])


def test_broken_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    """The second request asks for the rest only, and the file appears complete."""
    present = answer(200, json.dumps(META.to_json()).encode())
    rest = answer(206, b"56789", "Content-Range: bytes 5-9/10")
    answers = (answer(200, b"01234", length=10), rest, present, present)
    with server(*answers) as (url, requests):
        path = SyncServiceClient(url).download_object_data(META, tmp_path / "data")
    assert path.read_bytes() == b"0123456789"
    assert b"Range: bytes=5-9" in requests[1]
    assert list(tmp_path.iterdir()) == [path]


def test_body_of_the_wrong_length_is_refused() -> None:
    """Eleven bytes of an object of ten."""
    with (
        server(answer(200, b"0123456789X"), answer(200, json.dumps(META.to_json()).encode())) as (
            url,
            _,
        ),
        pytest.raises(TransferBrokenError, match="the length is wrong"),
    ):
        SyncServiceClient(url).read_object_data(META)


def test_data_whose_end_cannot_be_told_from_a_break_are_refused() -> None:
    """Neither the metadata nor the answer says how many they are."""
    meta = ObjectMetaData(object_type="t", object_id="i", instance_id=1)
    with (
        server(b"HTTP/1.1 200 X\r\n\r\n01234") as (url, _),
        pytest.raises(TransferBrokenError, match="nothing says how many bytes"),
    ):
        SyncServiceClient(url).read_object_data(meta)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1]", b"\xff\xfe"])
def test_answer_that_makes_no_sense_is_an_error(body: bytes) -> None:
    """A proxy's page, or JSON of another form."""
    with (
        server(answer(200, body)) as (url, _),
        pytest.raises(ServiceError, match="cannot be understood"),
    ):
        SyncServiceClient(url, org_id="acme").get_destinations()


def test_metadata_that_make_no_sense_are_an_error_of_the_answer() -> None:
    """Not of an argument, also where it is the client that asks for them."""
    meta = ObjectMetaData(object_type="t", object_id="i")
    with server(answer(200, b"{}")) as (url, _), pytest.raises(AnswerError):
        SyncServiceClient(url).read_object_data(meta)


def test_redirect_to_another_host_gets_no_credentials() -> None:
    """It is an error, not a request somewhere else."""
    with server(answer(200, b"ready")) as (elsewhere, stolen):
        redirect = answer(307, b"", f"Location: {elsewhere}/x")
        with server(redirect) as (url, _), pytest.raises(ServiceError, match="307"):
            SyncServiceClient(url, key="k", secret="s").get_object_status("t", "i")
    assert stolen == []


def test_service_text_reaches_the_user() -> None:
    """With the operation and the object."""
    with (
        server(answer(404, b"nothing here\n")) as (url, _),
        pytest.raises(ObjectNotFoundError, match=r"get_object_status on object t/i.*nothing here"),
    ):
        SyncServiceClient(url).get_object_status("t", "i")


def test_netrc_does_not_replace_the_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user passed is what is sent."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with server(answer(200, b"ready")) as (url, requests):
        SyncServiceClient(url, key="k", secret="s").get_object_status("t", "i")
    assert b"Authorization: Basic azpz" in requests[0]  # k:s


def test_upload_of_a_stream_always_says_how_long_it_is(tmp_path: Path) -> None:
    """Or is chunked; a service stores zero bytes otherwise."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    with path.open("rb") as file:
        file.seek(4)
        for data, wanted in (
            (path, b"Content-Length: 10"),
            (file, b"Content-Length: 6"),
            (iter([b"ab", b"c"]), b"Transfer-Encoding: chunked"),
            (b"", b"Content-Length: 0"),
        ):
            with server(answer(204)) as (url, requests):
                SyncServiceClient(url).update_object_data(META, data)
            assert wanted in requests[0]
