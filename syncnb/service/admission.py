"""How many connections a service keeps, in all and from one address."""

from __future__ import annotations

import logging
import resource
from collections import Counter

from syncnb.service.config import ServiceConfig

log = logging.getLogger("syncnb.service")

_RESERVE = 128  # files that the process needs beside its connections
_TURNED_AWAY = 200  # connections beyond the limit that are still told why


class Admission:
    """Counts the connections of one service.

    A connection too many is accepted, told the reason and closed: a node waits two seconds after a
    503 or 429 (sync-http.md, 10.1), and a person reads what to do. Left in the backlog instead, it
    would hang until a timeout that says nothing.

    Parameters
    ----------
    config : ServiceConfig
        Its limits.
    files : int
        Files that the process may open, for all of its services.
    """

    def __init__(self, config: ServiceConfig, files: int) -> None:
        self._most = min(config.max_connections, max(files - _RESERVE, 16))
        if self._most < config.max_connections:
            log.warning(
                "max_connections is %d here, not %d: the process may open %d files (ulimit -n)",
                self._most,
                config.max_connections,
                files,
            )
        self._most_each = config.max_connections_per_address
        self._count = 0
        self._by_address: Counter[str] = Counter()

    def enter(self, address: str | None) -> tuple[int, str] | None:
        """Count a connection in; returns status and reason if it is one too many.

        Parameters
        ----------
        address : str or None
            Of the client; None on a unix socket.
        """
        self._count += 1
        if address is not None:
            self._by_address[address] += 1
        if self._count > self._most:
            return 503, f"the service has {self._most} connections, as many as it may: try again"
        if address is not None and 0 < self._most_each < self._by_address[address]:
            return 429, f"your address has {self._most_each} connections, as many as it may"
        return None

    @property
    def is_flooded(self) -> bool:
        """Whether there is not even room to tell those who come why they cannot."""
        return self._count > self._most + min(_TURNED_AWAY, self._most)

    def leave(self, address: str | None) -> None:
        """Count a connection out."""
        self._count -= 1
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


def open_files_limit() -> int:
    """Raise the limit on open files as far as the system lets this process; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 1 << 20) if hard != resource.RLIM_INFINITY else 1 << 20
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return int(min(soft, 1 << 20)) if soft != resource.RLIM_INFINITY else 1 << 20
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return int(soft)
    return int(wanted)
