"""What can happen to one exchange of a request and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

End = Literal["close", "reset"]  # FIN or RST


class Seen(Enum):
    """What a client can see of an exchange."""

    ANSWER = auto()  # the answer of the service, whole
    OTHER = auto()  # a whole answer of somebody in between
    BROKEN = auto()  # a connection that ends too early, or was not there
    SILENCE = auto()  # nothing that is complete, for as long as it waited
    ODD = auto()  # what is no answer of a sync service
    SHORT = auto()  # less than the answer, though nothing seems to be missing


@dataclass(frozen=True)
class At:
    """A byte of a message that is not complete yet.

    Parameters
    ----------
    start : int
        Counted from the first byte.
    share : float
        Added: a share of the message.
    """

    start: int = 0
    share: float = 0.0

    def of(self, size: int) -> int:
        """The byte; a negative `start` counts from the end."""
        at = self.start + (size if self.start < 0 else 0) + int(self.share * size)
        return max(min(at, size), 0)


@dataclass(frozen=True)
class Pass:
    """The answer comes through; then the connection may end, or more bytes come."""

    then: End | Literal["stay", "more"] = "stay"
    chunks: int = 0  # in so many chunks instead of with a length; 0: as it is


@dataclass(frozen=True)
class CutRequest:
    """The service gets the beginning of the request, the client gets no answer."""

    at: At
    end: End = "close"


@dataclass(frozen=True)
class CutAnswer:
    """The service does what it was asked, the client gets the beginning of its answer."""

    at: At
    end: End = "close"
    chunks: int = 0


@dataclass(frozen=True)
class LoseAnswer:
    """The service does what it was asked, and nobody says so."""

    end: End | Literal["silence"] = "close"


@dataclass(frozen=True)
class ReplaceAnswer:
    """The service does what it was asked, and a gateway says something else."""

    status: Literal[500, 502, 503, 504] = 502


@dataclass(frozen=True)
class Busy:
    """The service is not asked; somebody in between says that it is busy."""

    status: Literal[429, 503] = 503
    retry_after: Literal["", "0", "1", "date"] = ""
    early: bool = False  # before the request was read, and hangs up


@dataclass(frozen=True)
class Silence:
    """The service is not asked, and nobody says anything."""


@dataclass(frozen=True)
class Delay:
    """It all takes longer, but not too long."""

    before: float = 0.0  # seconds
    after: float = 0.0


@dataclass(frozen=True)
class Drip:
    """The answer comes slowly, but in time."""

    pieces: int
    pause: float  # seconds
    chunks: int = 0


@dataclass(frozen=True)
class EndlessHead:
    """An answer begins and never gets to its body, though it is never silent either."""


@dataclass(frozen=True)
class WrongLength:
    """The answer comes with a length that it does not have."""

    more: int  # negative: less
    end: End | Literal["stay"] = "close"


@dataclass(frozen=True)
class Garbage:
    """The service is not asked, and what comes back is not HTTP."""

    said: bytes


@dataclass(frozen=True)
class Page:
    """The service is not asked; a login page comes back as if all were well."""


@dataclass(frozen=True)
class Refuse:
    """The connection ends, and for a while there is no other."""

    seconds: float


Fault = (
    Pass | CutRequest | CutAnswer | LoseAnswer | ReplaceAnswer | Busy | Silence | Delay | Drip
    | EndlessHead | WrongLength | Garbage | Page | Refuse
)  # fmt: skip
