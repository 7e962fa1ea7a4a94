"""The rules: what each event does to an object, on either side of the link. No HTTP, no SQL.

`sending` and `receiving` are the two ends of an object, and both services use both; `links` is
what only a CSS does for its nodes; `outbox` is what only an ESS does towards its CSS; `times` is
what happens because time passes.
"""

from syncnb.service.lifecycle.base import (
    Changed,
    Conflict,
    Missing,
    NameTaken,
    NoDestination,
    Outdated,
    Refused,
    Rejected,
    Site,
)

__all__ = [
    "Changed",
    "Conflict",
    "Missing",
    "NameTaken",
    "NoDestination",
    "Outdated",
    "Refused",
    "Rejected",
    "Site",
]
