"""What applications call: ``/api/v1`` (rest-api.md). It translates HTTP, no more.

A file for each area of the API: `objects` finds out what an object URL means, and hands over to
`metadata`, `data`, `marks`, `deliveries`, `updates`, `lists` and `hooks`; `nodes`, `organizations`,
`acls`, `control` and `health` have paths of their own. `callers` is what all of them ask first.
"""

from syncnb.service.rest.api import RestApi

__all__ = ["RestApi"]
