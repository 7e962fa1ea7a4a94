"""A Cloud Sync Service and any number of edge nodes on this machine."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from syncnb.client import SyncServiceClient
from syncnb.errors import FleetError, InvalidMetaDataError
from syncnb.metadata import check_name
from syncnb.tenancy import Tenancy

_START_TIMEOUT = 60.0  # seconds until a process has to listen
_STOP_TIMEOUT = 10.0  # seconds that a process has to end before it is killed
_LOG_TAIL = 2000  # characters of a log that an error shows


class LocalFleet:
    """An embedded CSS and its nodes, as real processes with records, data and ports of their own.

    It ends with the ``with`` block, with `close()`, or with the Python that made it, however that
    ends; no process, port or file is left.

    Parameters
    ----------
    nodes : int, default 3
        How many nodes: ``node1``, ``node2``, ...
    processes : int, optional
        How many processes the nodes share; one each by default.
    node_type : str, default "edge"
        Destination type of the nodes.
    org_id : str, default "demo"
        Their organisation.
    timeout : float, default 60
        Seconds that they have to start and register.

    Raises
    ------
    InvalidMetaDataError
        A number or a name is not possible.
    FleetError
        A process did not start; the error shows what it said.

    Examples
    --------
    >>> with LocalFleet(nodes=1) as fleet:
    ...     [node.dest_id for node in fleet.cloud.get_destinations()]
    ['node1']
    """

    def __init__(
        self,
        nodes: int = 3,
        *,
        processes: int | None = None,
        node_type: str = "edge",
        org_id: str = "demo",
        timeout: float = _START_TIMEOUT,
    ) -> None:
        if nodes < 0:
            raise InvalidMetaDataError("nodes", nodes, "give the number of nodes, 0 or more")
        if processes is not None and processes < 1:
            raise InvalidMetaDataError("processes", processes, "give at least one process")
        check_name("node_type", node_type)
        check_name("org_id", org_id)
        self.node_type, self.org_id = node_type, org_id
        self.nodes = tuple(f"node{i}" for i in range(1, nodes + 1))
        self._timeout = timeout
        self._secrets = {name: secrets.token_urlsafe(24) for name in ("admin", *self.nodes)}
        self._urls: dict[str, str] = {}
        self._clients: list[SyncServiceClient] = []
        self._programs: list[subprocess.Popen[bytes]] = []
        self._tenancy = Tenancy.new()
        atexit.register(self.close)
        try:
            self._hosts = self._start(processes or max(nodes, 1))
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------------- access

    @property
    def url(self) -> str:
        """URL of the CSS."""
        return self._urls["cloud"]

    @property
    def cloud(self) -> SyncServiceClient:
        """A client of the CSS, as administrator of the organisation."""
        return self._client("cloud", self.org_id)

    def node(self, name: str) -> SyncServiceClient:
        """A client of a node's ESS, for what runs beside it.

        Parameters
        ----------
        name : str
            Such as ``"node1"``.

        Returns
        -------
        SyncServiceClient
            Closed with the fleet.

        Raises
        ------
        InvalidMetaDataError
            There is no such node.

        Examples
        --------
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet.node("node1").health()["general"]["nodeType"]
        'ESS'
        """
        self._check_node(name)
        return self._client(name, "")

    def environment(self, name: str = "cloud") -> dict[str, str]:
        """The variables that make the CSS (``"cloud"``) or a node the default of another process.

        Parameters
        ----------
        name : str, default "cloud"
            ``"cloud"`` or a node.

        Returns
        -------
        dict of str to str
            ``SYNCNB_URL``, ``SYNCNB_KEY``, ``SYNCNB_SECRET`` and what else belongs to it.

        Examples
        --------
        >>> with LocalFleet(nodes=1) as fleet:
        ...     ", ".join(name.removeprefix("SYNCNB_") for name in fleet.environment("node1"))
        'URL, KEY, SECRET, ORG_ID, NODE, CACHE, SPOOL'
        """
        variables = {
            "SYNCNB_URL": self._urls[name],
            "SYNCNB_KEY": "admin",
            "SYNCNB_SECRET": self._secrets["admin"],
        }
        return variables | (
            {"SYNCNB_ORG_ID": self.org_id, "SYNCNB_ARCHIVE": str(self.folder("archive"))}
            if name == "cloud"
            else {
                "SYNCNB_ORG_ID": "",
                "SYNCNB_NODE": name,
                "SYNCNB_CACHE": str(self.folder(name) / "cache"),
                "SYNCNB_SPOOL": str(self.folder(name) / "spool"),
            }
        )

    def environment_file(self, name: str = "cloud") -> Path:
        """The same as a file that a shell can ``source``, readable by you alone.

        Parameters
        ----------
        name : str, default "cloud"
            ``"cloud"`` or a node.

        Returns
        -------
        Path
            It is gone when the fleet has ended.

        Examples
        --------
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.environment_file().read_text().splitlines()[1]
        'export SYNCNB_KEY=admin'
        """
        path = self.folder(name) / "environment.sh"
        path.touch(mode=0o600)
        lines = (f"export {key}={shlex.quote(v)}" for key, v in self.environment(name).items())
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    def run(
        self, node: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Run a Python program beside a node, which is its default service; it ends with the fleet.

        Parameters
        ----------
        node : str
            Such as ``"node1"``.
        *arguments : str
            ``"-m", "module"`` or a file, then what the program is to find in ``sys.argv``.
        env : mapping of str to str, optional
            More environment variables.

        Returns
        -------
        subprocess.Popen
            The program; what it prints goes to where this process prints.

        Raises
        ------
        InvalidMetaDataError
            There is no such node, or no such file.

        Examples
        --------
        >>> with LocalFleet(nodes=1) as fleet:
        ...     program = fleet.run("node1", "-m", "json.tool", "--help", env={"COLUMNS": "80"})
        ...     program.wait()
        0
        """
        self._check_node(node)
        if not arguments or (arguments[0] != "-m" and not Path(arguments[0]).is_file()):
            what = arguments[0] if arguments else ""
            raise InvalidMetaDataError(
                "program", what, 'name a file that exists, or "-m", "module"'
            )
        # What the program makes in the temporary folder goes with the fleet, however it ends.
        scratch = self.folder(node) / "tmp"
        scratch.mkdir(exist_ok=True)
        program = subprocess.Popen(
            [sys.executable, "-m", "syncnb.lifeline", *arguments],
            stdin=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(scratch), **self.environment(node), **(env or {})},
            start_new_session=True,  # Ctrl-C is for the notebook; the lifeline ends this
        )
        self._programs.append(program)
        return program

    # ------------------------------------------------------------------- faults

    def kill(self, name: str) -> None:
        """End the process of ``"cloud"`` or of a node as ``kill -9`` does.

        Parameters
        ----------
        name : str
            ``"cloud"`` or a node; nodes that share its process go with it.

        Examples
        --------
        >>> from syncnb.errors import ConnectionFailedError
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.kill("cloud")
        ...     try:
        ...         fleet.cloud.health()
        ...     except ConnectionFailedError:
        ...         print("away")
        away
        """
        host = self._host_of(name)
        host.process.kill()
        host.process.wait()

    def restart(self, name: str) -> None:
        """Start the process of ``"cloud"`` or of a node again, with its records and its port.

        Parameters
        ----------
        name : str
            ``"cloud"`` or a node.

        Raises
        ------
        FleetError
            It did not start.

        Examples
        --------
        >>> with LocalFleet(nodes=0) as fleet:
        ...     cloud = fleet.cloud
        ...     fleet.restart("cloud")
        ...     cloud.health()["general"]["nodeType"]
        'CSS'
        """
        host = self._host_of(name)
        host.stop()
        host.start()
        host.wait_until_ready(time.monotonic() + self._timeout)

    def folder(self, name: str) -> Path:
        """Where ``"cloud"`` or a node keeps its records and data.

        Parameters
        ----------
        name : str
            ``"cloud"`` or a node.

        Returns
        -------
        Path
            It is gone when the fleet has ended.

        Examples
        --------
        >>> with LocalFleet(nodes=0) as fleet:
        ...     (fleet.folder("cloud") / "records.sqlite").exists()
        True
        """
        return self._tenancy.folder / name

    # ---------------------------------------------------------------------- end

    def close(self) -> None:
        """End every process and remove every file; may be called again.

        Examples
        --------
        >>> fleet = LocalFleet(nodes=0)
        >>> folder = fleet.folder("cloud")
        >>> fleet.close()
        >>> folder.exists()
        False
        """
        try:
            self._close()
        except KeyboardInterrupt:  # an impatient Ctrl-C must not leave half of it behind
            self._close()
            raise

    def _close(self) -> None:
        atexit.unregister(self.close)
        for client in self._clients:
            client.close()
        self._clients.clear()
        for program in self._programs:
            program.kill()
            program.wait()
            if program.stdin:
                program.stdin.close()
        hosts = list(getattr(self, "_hosts", {}).values())
        for host in hosts:
            host.ask_to_stop()
        for host in hosts:
            host.stop()
        self._tenancy.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self._urls.get("cloud", "not running")
        return f"<LocalFleet of {len(self.nodes)} nodes of type {self.node_type!r}, CSS at {where}>"

    # ------------------------------------------------------------------ details

    def _start(self, processes: int) -> dict[str, _Host]:
        hosts: dict[str, _Host] = {}
        self._hosts = hosts
        deadline = time.monotonic() + self._timeout
        cloud = hosts["cloud"] = self._host("cloud", [self._plan_of_cloud()])
        cloud.start()
        cloud.wait_until_ready(deadline)
        self._urls["cloud"] = cloud.urls[0]
        shares = [self.nodes[i::processes] for i in range(processes)]
        for share in filter(None, shares):
            host = self._host(share[0], [self._plan_of_node(name) for name in share])
            host.start()
            hosts |= dict.fromkeys(share, host)
        for share in filter(None, shares):
            hosts[share[0]].wait_until_ready(deadline)
            self._urls |= dict(zip(share, hosts[share[0]].urls, strict=True))
        self._wait_until_registered(deadline)
        return hosts

    def _wait_until_registered(self, deadline: float) -> None:
        cloud = self.cloud
        while True:
            missing = set(self.nodes) - {node.dest_id for node in cloud.get_destinations()}
            if not missing:
                return
            if time.monotonic() > deadline:
                name = sorted(missing)[0]
                raise FleetError(name, "did not register at the CSS", self._host_of(name).tail())
            time.sleep(0.02)

    def _host(self, name: str, services: list[dict[str, Any]]) -> _Host:
        return _Host(name, self._tenancy.folder, services)

    def _plan_of_cloud(self) -> dict[str, Any]:
        credentials = {
            name: {
                "secret": self._secrets[name],
                "orgID": self.org_id,
                "username": f"{self.node_type}/{name}",
                "type": "edgenode",
            }
            for name in self.nodes
        }
        return self._plan("cloud", "css", {"credentials": {**credentials, **self._admin()}})

    def _plan_of_node(self, name: str) -> dict[str, Any]:
        login = {"key": name, "secret": self._secrets[name]}
        auth = {"credentials": self._admin(), "cssCredentials": login}
        return self._plan(name, "ess", auth) | {
            "css_url": self._urls["cloud"],
            "org_id": self.org_id,
            "node": f"{self.node_type}/{name}",
            "poll_interval": 1.0,
        }

    def _admin(self) -> dict[str, Any]:
        return {
            "admin": {
                "secret": self._secrets["admin"],
                "orgID": self.org_id,
                "username": "admin",
                "type": "admin",
            }
        }

    def _plan(self, name: str, role: str, auth: Mapping[str, Any]) -> dict[str, Any]:
        folder = self.folder(name)
        folder.mkdir()
        path = folder / "auth.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(auth), "utf-8")
        return {
            "role": role,
            "listen": "127.0.0.1:0",
            "data": str(folder),
            "auth": str(path),
            "stop_grace": _STOP_TIMEOUT / 2,
        }

    def _client(self, name: str, org_id: str) -> SyncServiceClient:
        client = SyncServiceClient(
            self._urls[name], org_id=org_id, key="admin", secret=self._secrets["admin"]
        )
        if org_id:
            client.archive = str(self.folder("archive"))
        self._clients.append(client)
        return client

    def _check_node(self, name: str) -> None:
        if name not in self.nodes:
            known = f"{self.nodes[0]} to {self.nodes[-1]}" if self.nodes else "no node"
            raise InvalidMetaDataError("node", name, f"this fleet has {known}")

    def _host_of(self, name: str) -> _Host:
        if name != "cloud":
            self._check_node(name)
        return self._hosts[name]


class _Host:
    """One process with one or several services.

    Parameters
    ----------
    name : str
        Of its files, and in errors.
    folder : Path
        Of the fleet.
    services : list of dict
        What `syncnb.service.host` is to run.
    """

    def __init__(self, name: str, folder: Path, services: list[dict[str, Any]]) -> None:
        self._name, self._folder, self._services = name, folder, services
        self._log = folder / f"{name}.log"
        self.urls: list[str] = []
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        plan = self._folder / f"{self._name}.json"
        plan.write_text(json.dumps({"folder": str(self._folder), "services": self._services}))
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncnb.service.host", str(plan)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the notebook; the lifeline ends this
            )

    def wait_until_ready(self, deadline: float) -> None:
        line = _read_line(self.process.stdout, deadline)
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)  # its output may end a moment before it does
            code = self.process.poll()
            problem = "did not start in time" if code is None else f"ended with code {code}"
            raise FleetError(self._name, problem, self.tail())
        self.urls = json.loads(line)
        for service, url in zip(self._services, self.urls, strict=True):
            service["listen"] = url.removeprefix("http://")  # a restart takes the same port

    def ask_to_stop(self) -> None:
        if hasattr(self, "process") and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        if not hasattr(self, "process"):
            return
        self.ask_to_stop()
        try:
            self.process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def tail(self) -> str:
        try:
            return self._log.read_text("utf-8", "replace")[-_LOG_TAIL:]
        except OSError:
            return ""


def _read_line(pipe: IO[bytes] | None, deadline: float) -> bytes:
    """One line, or nothing if the pipe ends or the time is over."""
    if pipe is None:
        return b""
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(deadline - time.monotonic(), 0)):
                return b""
            piece = os.read(pipe.fileno(), 4096)
            if not piece:
                return b""
            line += piece
    return line
