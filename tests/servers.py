"""Real servers for tests: a throwaway PostgreSQL, an S3-compatible store, and `syncnb` itself."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

PASSWORD = "wal-rus/7"  # of the throwaway database; with a character that URLs quote
QUOTED = "wal-rus%2F7"


class PostgresServer:
    """A cluster of its own in a temporary folder.

    Parameters
    ----------
    folder : Path
        Where; owned by whom the server runs as.
    durable : bool
        Whether commits are synced.
    """

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder, self._durable = folder, durable
        self._user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        self.port = free_port()
        if self._user is not None:
            shutil.chown(folder, self._user, self._user)
        password = folder / "password"
        password.write_text(PASSWORD)
        self._run("initdb", "-D", str(folder / "data"), "-U", "css", "-A", "scram-sha-256",
                  "--pwfile", str(password), "-E", "UTF8", "--locale", "C.UTF-8", "-N")  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        durable = "on" if self._durable else "off"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", str(self._folder / "data"), "-p", str(self.port),
                 "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1",
                 "-c", f"fsync={durable}", "-c", f"full_page_writes={durable}"],
                stdout=log, stderr=log, cwd=self._folder, **self._as_user(),
            )  # fmt: skip
        wait_for(self._answers, self._process, lambda: self.log)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT breaks off connections, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    @property
    def log(self) -> str:
        """What it printed."""
        return (self._folder / "log").read_text("utf-8", "replace")[-4000:]

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"css{uuid.uuid4().hex[:12]}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return f"postgresql://css:{QUOTED}@127.0.0.1:{self.port}/{name}"

    def execute(self, database: str, sql: str) -> list[Any]:
        """Run a statement; `database` is a name or a URL."""
        if "://" not in database:
            database = f"postgresql://css:{QUOTED}@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(database, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        try:
            self.execute("postgres", "SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [_program(program), *arguments], capture_output=True, text=True, cwd=self._folder,
            check=False, **self._as_user(),
        )  # fmt: skip
        if done.returncode:
            pytest.fail(f"{program} failed: {done.stderr}")

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": self._user, "extra_groups": []}


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A PostgreSQL server while the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="syncnb-postgres-"))
    server = None
    try:
        server = PostgresServer(folder, durable=durable)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class S3Server:
    """A server that speaks S3.

    Parameters
    ----------
    log : Path
        What it prints goes there.
    """

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=out, stderr=out,
            )  # fmt: skip
        wait_for(self._answers, self._process, lambda: log.read_text("utf-8", "replace"))

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-store",
            "AWS_REGION": "us-east-1",
        }

    def new_bucket(self) -> str:
        """The URL of an empty place."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self._call("PUT", f"/{name}")
        return f"s3://{name}/some/prefix"

    def uploads(self, bucket: str) -> str:
        """The multipart uploads of a bucket that are neither complete nor given up, as XML."""
        return self._call("GET", f"/{bucket}?uploads")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(10)

    def _call(self, method: str, path: str) -> str:
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def _answers(self) -> bool:
        try:
            self._call("GET", "/")
        except OSError:
            return False
        return True


class ServiceProcess:
    """One ``syncnb css`` or ``syncnb ess``.

    Parameters
    ----------
    arguments : str
        Of the command; without ``--listen``.
    log : Path
        What it logs goes there.
    environment : dict
        Beside that of this process.
    port : int, default 0
        Where to listen.
    """

    def __init__(
        self, *arguments: str, log: Path, environment: dict[str, str] | None = None, port: int = 0
    ) -> None:
        self._log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncnb", *arguments, "--listen", f"127.0.0.1:{port}"],
                stdout=subprocess.PIPE, stderr=out, env={**os.environ, **(environment or {})},
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        if "http://" not in line:
            self.stop()
            pytest.fail(f"{' '.join(arguments)} did not start: {line}{self.log}")
        self.url = "http://" + line.split("http://")[1].split()[0]

    @property
    def log(self) -> str:
        """What it logged."""
        return self._log.read_text("utf-8", "replace")

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.stop()

    def stop(self) -> None:
        """End it and wait for that."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        if self.process.stdout is not None:
            self.process.stdout.close()


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(
    true: Callable[[], bool], process: subprocess.Popen[bytes], log: Callable[[], str]
) -> None:
    """Wait for a server, with a deadline, as long as it lives."""
    deadline = time.monotonic() + 30
    while not true():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"a server did not start: {log()}")
        time.sleep(0.05)


def _program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps off the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    for folder in reversed(folders):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        pytest.fail(
            f"{name} of PostgreSQL is not installed: bash .ci/setup tests, "
            "or apt-get install postgresql"
        )
    return found
