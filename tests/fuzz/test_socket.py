"""Raw bytes on the socket: whatever comes, the service goes on and nothing of it stays."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import odd_requests as made
from .conftest import Running

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_QUICK = settings(
    max_examples=250,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
_LONG = settings(_QUICK, max_examples=10_000, derandomize=False)


def exchange(service: Running, sent: bytes) -> bytes:
    """Send bytes, hang up, and return everything that comes back until the service does too."""
    received = bytearray()
    with socket.create_connection(service.address, timeout=5) as one:
        try:
            one.sendall(sent)
            one.settimeout(0.05)
            while piece := one.recv(65536):
                received += piece
                if len(received) > 12:
                    break
        except TimeoutError:  # it waits for more
            pass
        except ConnectionError:
            return bytes(received)
        try:
            one.settimeout(5)
            one.shutdown(socket.SHUT_WR)
            while piece := one.recv(65536):
                received += piece
        except TimeoutError:
            pytest.fail(f"it neither answers nor hangs up: {sent[:2000]!r}")
        except OSError:
            pass
    return bytes(received)


def _no_failure(service: Running, sent: bytes) -> None:
    for status in _STATUS.findall(exchange(service, sent)):
        assert status < b"500", f"{status.decode()} to {sent[:2000]!r}"


def _hold(service: Running, strategy: st.SearchStrategy[bytes], how: settings) -> None:
    before = service.stored()

    @how
    @given(strategy)
    def hold(sent: bytes) -> None:
        _no_failure(service, sent)

    hold()
    assert service.stored() <= before, "a broken upload left data behind"


def test_each_oddity_alone_does_no_harm(service: Running) -> None:
    """One at a time, so that each gets as far as it can."""
    before = service.stored()
    for sent in made.alone():
        _no_failure(service, sent)
    assert service.stored() <= before, "a broken upload left data behind"


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(made.strange, id="strange"),
        pytest.param(made.misframed, id="misframed"),
        pytest.param(made.damaged(), id="damaged"),
        pytest.param(made.garbage, id="garbage"),
    ],
)
def test_bytes_on_the_socket_do_no_harm(
    service: Running, strategy: st.SearchStrategy[bytes]
) -> None:
    """No 5xx, no hang, no trace in the log, no file or connection left open, no memory kept."""
    _hold(service, strategy, _QUICK)


@pytest.mark.long
@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(made.strange, id="strange"),
        pytest.param(made.misframed, id="misframed"),
        pytest.param(made.damaged(), id="damaged"),
        pytest.param(made.garbage, id="garbage"),
    ],
)
def test_many_bytes_on_the_socket_do_no_harm(
    service: Running, strategy: st.SearchStrategy[bytes]
) -> None:
    """The same, for minutes."""
    _hold(service, strategy, _LONG)
