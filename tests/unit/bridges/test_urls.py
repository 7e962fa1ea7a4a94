"""A file at any URL that fsspec knows."""

from __future__ import annotations

import base64
import os
import sys
import threading
import traceback
import tracemalloc
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import obstore
import pytest
from obstore.store import S3Store

from syncnb.bridges import resolve
from syncnb.bridges.secrets import said, shown
from syncnb.errors import MissingDependencyError, ModelError
from tests.servers import S3Server

DATA = os.urandom(3_000_000)
LARGE = 32 * len(DATA)  # bytes of a file that should not be in memory as a whole
SECRETS = ("wr0ng-word", "s1gned", "k3y-of")  # apart from the lines that tracebacks show
LOGIN = "Basic " + base64.b64encode(b"me:pa55/word").decode()


class Handler(BaseHTTPRequestHandler):
    """Serves `DATA`, with or without a password, or half of them."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/locked.bin" and self.headers.get("Authorization") != LOGIN:
            self.send_error(401)
        elif path == "/missing.bin":
            self.send_error(404)
        else:
            self.send_response(200)
            times = LARGE // len(DATA) if path == "/large.bin" else 1
            self.send_header("Content-Length", str(len(DATA) * times))
            self.end_headers()
            for _ in range(times):
                self.wfile.write(DATA[: len(DATA) // 2] if path == "/half.bin" else DATA)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder of fsspec's memory."""
    folder = f"/{uuid.uuid4().hex}"
    yield f"memory:/{folder}"
    fsspec.filesystem("memory").rm(folder, recursive=True)


def put(url: str, data: bytes = DATA) -> str:
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


def test_a_file_in_memory_arrives_under_its_name(memory: str) -> None:
    """And is gone afterwards."""
    with resolve(put(f"{memory}/some/a.bin"), formed=False) as source:
        assert source.obj.read_bytes() == DATA
        assert source.name == source.obj.name == "a.bin"
        path = source.obj
    assert not path.exists()


def test_a_local_file_is_not_copied(tmp_path: Path) -> None:
    """It may be large."""
    path = tmp_path / "a b%20c.bin"
    path.write_bytes(DATA)
    with resolve(f"file://{path}", formed=False) as source:
        assert source.obj == path
        assert source.name == path.name
    assert path.exists()


def test_a_file_of_a_chain_arrives(tmp_path: Path, memory: str) -> None:
    """Such as out of an archive in a bucket."""
    import zipfile

    with fsspec.open(f"{memory}/all.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inner/a.bin", DATA)
    with resolve(f"zip://inner/a.bin::{memory}/all.zip", formed=False) as source:
        assert source.obj.read_bytes() == DATA
        assert source.name == "a.bin"


def test_progress_is_told_and_ends_at_all_bytes(site: str) -> None:
    """As in the client."""
    told: list[tuple[int, int | None]] = []
    with resolve(
        f"http://{site}/a%20b.bin", formed=False, progress=lambda *at: told.append(at)
    ) as source:
        assert source.name == "a b.bin"
        assert source.obj.read_bytes() == DATA
    assert told[-1] == (len(DATA), len(DATA))


def test_fetching_takes_the_memory_of_a_piece(site: str) -> None:
    """The interpreter's own share of it, in a process that has done it once."""
    with resolve(f"http://{site}/a.bin", formed=False):
        pass
    tracemalloc.start()
    with resolve(f"http://{site}/large.bin", formed=False) as source:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert source.obj.stat().st_size == LARGE
    assert peak < LARGE / 3


def test_a_file_behind_a_password_arrives_without_showing_it(site: str) -> None:
    """Neither in the manifest nor in a repr."""
    url = f"http://me:pa55%2Fword@{site}/locked.bin?token=t0p-secret"
    with resolve(url, formed=False) as source:
        assert source.obj.read_bytes() == DATA
        assert source.extra == {"url": f"http://***@{site}/locked.bin?***"}
        for secret in ("pa55", "t0p-secret"):
            assert secret not in repr(source)
            assert secret not in str(source.extra)


@pytest.mark.parametrize("path", ["locked.bin", "missing.bin", "half.bin", "nobody"])
def test_what_cannot_be_read_is_said_without_credentials(
    site: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even in the traceback or the log; half a file is none."""
    caplog.set_level("DEBUG", "syncnb")
    host = "127.0.0.1:1" if path == "nobody" else site
    password, signature, key = SECRETS
    url = f"http://me:{password}@{host}/{path}?X-Amz-Signature={signature}"
    with pytest.raises(ModelError, match="cannot be read") as caught:
        resolve(url, formed=False, storage_options={"headers": {"X-Key": key}}).__enter__()
    text = "".join(traceback.format_exception(caught.value)) + caplog.text
    for secret in SECRETS:
        assert secret not in text
    assert f"http://***@{host}/{path}" in text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://key:secret@bucket/a.onnx", "s3://***@bucket/a.onnx"),
        ("https://h/a?sig=x#y", "https://h/a?***"),
        ("https://h/a#token", "https://h/a"),
        ("https://h?sig=a/b@c", "https://h?***"),
        ("https://a@b@c/d", "https://***@c/d"),
        ("zip://a::https://u:p@h/b.zip?t=1", "zip://a::https://***@h/b.zip?***"),
        ("/a/path", "/a/path"),
    ],
)
def test_credentials_are_hidden_in_every_part_of_a_url(url: str, expected: str) -> None:
    """What follows ``?`` may be a signature."""
    assert shown(url) == expected


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("login of me with p/w failed", {}),
        ("login with p%2Fw failed", {}),
        ("no key k3y", {"secret": "k3y"}),
        ("no key k3y", {"client_kwargs": {"a": ["k3y"]}}),
        ("signature abc", {}),
    ],
)
def test_a_message_with_credentials_is_left_out(text: str, options: dict[str, object]) -> None:
    """Wherever they were given."""
    url = "https://me:p%2Fw@host/a?sig=abc"
    assert said(ValueError(text), url, options) == "ValueError"
    assert said(ValueError("not there"), url, options) == "ValueError: not there"


def test_an_s3_object_arrives(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment, or by options in the words of s3fs."""
    bucket = s3.new_bucket().split("/")[2]
    store = S3Store(
        bucket, endpoint=s3.url, access_key_id="key", secret_access_key="s", region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip
    obstore.put(store, "some/a b.bin", DATA)
    options = {
        "key": "key", "secret": "secret-of-the-store", "endpoint_url": s3.url,
        "region": "us-east-1",
    }  # fmt: skip
    told: list[tuple[int, int | None]] = []
    with resolve(
        f"s3://{bucket}/some/a b.bin",
        formed=False, storage_options=options, progress=lambda *at: told.append(at),
    ) as source:  # fmt: skip
        assert source.obj.read_bytes() == DATA
        assert source.name == "a b.bin"
    assert told[-1] == (len(DATA), len(DATA))
    with pytest.raises(ModelError, match="cannot be read") as caught:
        resolve(f"s3://{bucket}/none", formed=False, storage_options=options).__enter__()
    assert "secret-of-the-store" not in "".join(traceback.format_exception(caught.value))
    for name, value in (s3.environment | {"AWS_ALLOW_HTTP": "true"}).items():
        monkeypatch.setenv(name, value)
    with resolve(f"s3://{bucket}/some/a b.bin", formed=False) as source:
        assert source.obj.read_bytes() == DATA


@pytest.mark.parametrize(
    ("url", "library"),
    [("sftp://host/a", "paramiko"), ("gcs://bucket/a", "gcsfs"), ("abfs://c/a", "adlfs")],
)
def test_a_missing_library_is_named(url: str, library: str) -> None:
    """With the command that installs it."""
    with pytest.raises(MissingDependencyError, match=f"needs {library}: pip install {library}"):
        resolve(url, formed=False).__enter__()


def test_a_library_that_https_needs_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which fsspec does not bring by itself."""
    from fsspec.registry import _registry

    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)
    monkeypatch.delitem(_registry, "https", raising=False)
    with pytest.raises(MissingDependencyError, match=r"aiohttp: pip install 'syncnb\[urls\]'"):
        resolve("https://host/a", formed=False).__enter__()


@pytest.mark.parametrize(
    ("library", "url", "extra"), [("fsspec", "memory://a", "urls"), ("obstore", "s3://b/a", "s3")]
)
def test_a_missing_library_of_an_extra_is_named_with_it(
    monkeypatch: pytest.MonkeyPatch, library: str, url: str, extra: str
) -> None:
    """``s3://`` takes obstore where s3fs is not installed."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=rf"syncnb\[{extra}\]"):
        resolve(f"{url}.bin", formed=False).__enter__()


@pytest.mark.parametrize("url", ["memory://a/", "memory://a/..", "https://host", "s3://b/a%00/"])
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ModelError, match="does not end in the name of a file"):
        resolve(url, formed=False).__enter__()


@pytest.mark.parametrize("url", ["memory://no/such.bin", "file:///no/such.bin", "nosuch://a/b"])
def test_what_is_not_there_is_refused(url: str) -> None:
    """So is a protocol that nobody knows."""
    with pytest.raises(ModelError, match="cannot be read"):
        resolve(url, formed=False).__enter__()


def test_a_folder_is_no_file(memory: str, tmp_path: Path) -> None:
    """In memory and on the disk."""
    put(f"{memory}/folder/a.bin")
    for url in (f"{memory}/folder", f"file://{tmp_path}"):
        with pytest.raises(ModelError, match="cannot be read"):
            resolve(url, formed=False).__enter__()


def test_the_suffix_says_which_form_a_model_has(memory: str) -> None:
    """Its bytes travel as they are, its name without the suffix."""
    with resolve(put(f"{memory}/v1.5.skops", b"data")) as source:
        assert source.codec is not None
        assert (source.codec.name, source.name) == ("skops", "v1.5")
        assert source.obj.name == "v1.5.skops"
    with resolve(put(f"{memory}/v1.5", b"data")) as source:
        assert (source.codec, source.name) == (None, "v1.5")


@pytest.mark.parametrize(
    ("argument", "value", "of"),
    [
        ("trusted", True, "a model of MLflow"),
        ("include", ["*"], "a folder of Hugging Face"),
        ("storage_options", {}, "a URL"),
    ],
)
def test_an_argument_that_would_change_nothing_is_refused(
    argument: str, value: object, of: str
) -> None:
    """Whoever gives it expects something of it."""
    arguments: dict[str, object] = {argument: value}
    with pytest.raises(ModelError, match=f"{argument}= is for {of}"):
        resolve(b"data", **arguments).__enter__()  # type: ignore[arg-type]
