"""What all rules share: the words for states, the refusals, and the side they run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncnb.service.store import Node

CLOUD = Node("Cloud", "Cloud")

NOT_READY, READY = "notReady", "ready"
VERIFYING, VERIFICATION_FAILED = "verifying", "verificationFailed"
SENDING = (NOT_READY, READY, VERIFYING, VERIFICATION_FAILED)
CONSUMED_BY_DEST = "consumedByDest"
PARTIALLY_RECEIVED, COMPLETELY_RECEIVED = "partiallyreceived", "completelyReceived"
RECEIVED, CONSUMED, DELETED = "objreceived", "objconsumed", "objdeleted"
WITHOUT_DATA = (
    NOT_READY,
    VERIFYING,
    VERIFICATION_FAILED,
    PARTIALLY_RECEIVED,
    "receiverVerifying",
    "receiverVerificationFailed",
)


class Rejected(Exception):
    """An event that a rule does not allow; the text is for people."""


class Refused(Rejected):
    """The request is invalid, or the object is in the wrong state (400)."""


class Changed(Rejected):
    """The object is not the instance that the caller knows (412)."""


class Missing(Rejected):
    """There is no such object, or no data (404)."""


class Conflict(Rejected):
    """The delivery record does not match: another instance or a later state (409)."""


class Outdated(Conflict):
    """A node sends an instance that is older than the one that is here (409).

    Parameters
    ----------
    text : str
        For people.
    newest : int
        The instance that is here.
    """

    def __init__(self, text: str, newest: int) -> None:
        super().__init__(text)
        self.newest = newest


class NameTaken(Conflict):
    """The name of an object belongs to the other side, for the time being (409)."""


class NoDestination(Rejected):
    """The node is not registered (424; 404 where it registers or pings)."""


@dataclass(frozen=True, slots=True)
class Site:
    """The service that the rules run on.

    Parameters
    ----------
    is_css : bool
        Which side of the link it is.
    node : Node
        What it calls itself as an origin: ``Cloud``, or the node's type and ID.
    org : str
        The organisation of an ESS; empty on a CSS.
    chunk_size : int
        Bytes; goes into the metadata of what it originates.
    resend_after : float
        Seconds after which an unacknowledged notice is taken up again.
    clock : callable
        Seconds since the epoch.
    """

    is_css: bool
    node: Node
    org: str
    chunk_size: int
    resend_after: float
    clock: Callable[[], float]
