"""Places for data, held to one contract: a folder and an S3 store."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncnb.errors import SettingsError
from syncnb.service.blobs import Blobs, BlobsError, LocalBlobs
from syncnb.service.blobs.s3 import S3Blobs
from tests.servers import S3Server

MIB = 1 << 20
Work = Callable[[Blobs], Awaitable[None]]
Run = Callable[[Work], None]


@pytest.fixture(params=["files", "s3"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run something on an empty place of each kind; again on the same one."""
    url = ""
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        url = server.new_bucket()

    def on_it(work: Work) -> None:
        async def main() -> None:
            with ThreadPoolExecutor(2) as executor:
                folder = tmp_path / "blobs"
                blobs: Blobs = S3Blobs(url, executor) if url else LocalBlobs(folder, executor)
                await blobs.check()
                await work(blobs)
                await blobs.close()

        asyncio.run(main())

    return on_it


async def stream(data: bytes, size: int = 70_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def content(blobs: Blobs, file: str, at: int = 0, until: int | None = None) -> bytes:
    reader = await blobs.open(file)
    if until is not None:
        reader.until = until
    found = b""
    try:
        while len(found) + at < (until if until is not None else reader.size):
            piece = await reader.read(at + len(found), MIB)
            assert piece
            found += piece
    finally:
        await reader.close()
    return found[: None if until is None else until - at]


@pytest.mark.parametrize("size", [0, 1, 100_000, 8 * MIB, 20 * MIB + 7])
def test_what_is_saved_is_read(run: Run, size: int) -> None:
    """Whole, from the middle, back and forth, and past the end."""
    data = random.Random(size).randbytes(size)

    async def work(blobs: Blobs) -> None:
        stored = await blobs.save(stream(data))
        assert (stored.size, stored.sha256) == (size, hashlib.sha256(data).hexdigest())
        assert stored.file is not None
        assert await content(blobs, stored.file) == data
        if size > 1:
            assert await content(blobs, stored.file, size // 2) == data[size // 2 :]
            middle = await content(blobs, stored.file, size // 3, size // 2)
            assert middle == data[size // 3 : size // 2]
        reader = await blobs.open(stored.file)
        assert reader.size == size
        for at in (size // 2, 0, max(size - 3, 0)):
            assert data[at:].startswith(await reader.read(at, 10))
        assert await reader.read(size, 10) == b""
        await reader.close()

    run(work)


def test_stream_that_breaks_leaves_nothing(run: Run, tmp_path: Path) -> None:
    """Neither a small one nor one of several parts; and what it raised comes through."""

    class Broken(Exception):
        pass

    async def broken(size: int) -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x" * MIB
        raise Broken

    async def work(blobs: Blobs) -> None:
        for size in (1, 20):
            with pytest.raises(Broken):
                await blobs.save(broken(size))

    run(work)
    assert not list(tmp_path.glob("blobs/*"))


def test_chunks_become_a_file_whatever_their_order(run: Run) -> None:
    """Repeated, overlapping and padded ones too; the later bytes count."""
    data = random.Random(7).randbytes(1_000_000)

    async def work(blobs: Blobs) -> None:
        file = blobs.new_part()
        size = 250_000
        for start in (500_000, 0, 750_000):
            chunk = data[start : start + size] + b"\0" * 1000  # as existing nodes pad
            assert await blobs.save_part(file, stream(chunk), at=start, limit=size) == size
        await blobs.save_part(file, stream(b"wrong" * 60_000), at=200_000, limit=300_000)
        assert (
            await blobs.save_part(file, stream(data[200_000:600_000]), at=200_000, limit=400_000)
            == 400_000
        )
        first = await blobs.finish(file, len(data))
        again = await blobs.finish(
            file, len(data)
        )  # the answer was lost, the last chunk came again
        for stored in (first, again):
            assert stored.sha256 == hashlib.sha256(data).hexdigest()
            assert stored.file is not None
            assert await content(blobs, stored.file) == data
        if first.file != file:
            await blobs.delete(file)
            await blobs.delete(file)
            assert first.file is not None
            assert await content(blobs, first.file) == data

    run(work)


def test_deleted_file_is_gone(run: Run) -> None:
    """And deleting it again, or one that never was, is no error."""

    async def work(blobs: Blobs) -> None:
        stored = await blobs.save(stream(b"data"))
        assert stored.file is not None
        await blobs.delete(stored.file)
        await blobs.delete(stored.file)
        await blobs.delete(blobs.new_part())
        with pytest.raises(FileNotFoundError):
            await blobs.open(stored.file)

    run(work)


def test_sweep_removes_what_no_record_names(run: Run) -> None:
    """Nothing that is kept, and nothing that is younger than it says."""

    async def work(blobs: Blobs) -> None:
        kept, lost = await blobs.save(stream(b"kept")), await blobs.save(stream(b"lost"))
        filling, given_up = blobs.new_part(), blobs.new_part()
        for part in (filling, given_up):
            await blobs.save_part(part, stream(b"abc"), at=0, limit=3)
        assert kept.file
        assert lost.file
        await blobs.sweep([kept.file, filling], older_than=3600)
        assert await content(blobs, lost.file) == b"lost"
        await asyncio.sleep(1.1)  # S3 tells whole seconds
        await blobs.sweep([kept.file, filling], older_than=0)
        assert await content(blobs, kept.file) == b"kept"
        with pytest.raises(FileNotFoundError):
            await blobs.open(lost.file)
        finished = await blobs.finish(filling, 3)
        assert finished.sha256 == hashlib.sha256(b"abc").hexdigest()
        if isinstance(blobs, S3Blobs):
            with pytest.raises(BlobsError, match="not there"):
                await blobs.finish(given_up, 3)

    run(work)


@pytest.mark.parametrize("part", [False, True], ids=["whole", "part"])
def test_file_that_a_thread_still_writes_is_not_closed_when_its_transfer_is_called_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: bool
) -> None:
    """The number of a closed file is soon that of another one, which would get the bytes."""
    writing, go_on = threading.Event(), threading.Event()
    failures: list[BaseException] = []
    pwrite = os.pwrite

    def late(file: int, data: bytes, at: int) -> int:
        writing.set()
        go_on.wait(20)
        try:
            return pwrite(file, data, at)
        except OSError as error:
            failures.append(error)
            raise

    async def main() -> None:
        with ThreadPoolExecutor(3) as executor:
            blobs = LocalBlobs(tmp_path / "blobs", executor)
            data = stream(os.urandom(5 * MIB))
            work = blobs.save_part("p", data, at=0, limit=5 * MIB) if part else blobs.save(data)
            transfer = asyncio.ensure_future(work)
            await asyncio.to_thread(writing.wait, 20)
            transfer.cancel()
            done, _ = await asyncio.wait((transfer,), timeout=0.2)
            assert not done
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await transfer

    monkeypatch.setattr(os, "pwrite", late)
    asyncio.run(main())
    assert failures == []


def test_s3_uploads_that_break_are_given_up(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody pays for parts that nobody sees."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    url = s3.new_bucket()

    async def broken() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * MIB
        raise ConnectionResetError

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor, pytest.raises(ConnectionResetError):
            await S3Blobs(url, executor).save(broken())

    asyncio.run(main())
    assert "<UploadId>" not in s3.uploads(url.split("/")[2])


def test_s3_costs_the_same_memory_for_any_size(s3: S3Server, tmp_path: Path) -> None:
    """300 MB up, in chunks, and down again in a process of its own."""
    script = tmp_path / "transfer.py"
    script.write_text(
        "import asyncio, sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from syncnb.service.blobs.s3 import S3Blobs\n"
        "def peak():\n"
        "    status = open('/proc/self/status').read()\n"
        "    return int(status.split('VmHWM:')[1].split()[0])\n"
        "async def zeros(n):\n"
        "    for _ in range(n): yield bytes(1 << 20)\n"
        "async def main():\n"
        "    with ThreadPoolExecutor(2) as executor:\n"
        "        blobs = S3Blobs(sys.argv[1], executor)\n"
        "        await blobs.check()\n"
        "        before = peak()\n"
        "        stored = await blobs.save(zeros(150))\n"
        "        part = blobs.new_part()\n"
        "        for n in range(3):\n"
        "            await blobs.save_part(part, zeros(50), at=n * (50 << 20), limit=50 << 20)\n"
        "        again = await blobs.finish(part, 150 << 20)\n"
        "        assert again.sha256 == stored.sha256\n"
        "        reader, at = await blobs.open(stored.file), 0\n"
        "        while at < reader.size: at += len(await reader.read(at, 1 << 20))\n"
        "        await reader.close()\n"
        "        await blobs.close()\n"
        "        print(peak() - before)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), s3.new_bucket()], capture_output=True, text=True,
        env={**os.environ, **s3.environment}, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert int(done.stdout) < 100_000, f"{done.stdout} KB"  # of 150 MB at a time


def test_s3_that_does_not_answer_says_which(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    """A bucket that is not there; the secret is not shown."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            with pytest.raises(BlobsError, match=r"s3://no-such-bucket/p") as caught:
                await S3Blobs("s3://no-such-bucket/p", executor).check()
            assert "secret-of-the-store" not in str(caught.value)

    asyncio.run(main())


def test_s3_without_tls_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless somebody says that the network is trusted."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example.com:9000")
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(SettingsError, match="without TLS"):
            S3Blobs("s3://bucket/p", executor)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        S3Blobs("s3://bucket/p", executor)
        with pytest.raises(SettingsError, match="no bucket"):
            S3Blobs("s3:///p", executor)
