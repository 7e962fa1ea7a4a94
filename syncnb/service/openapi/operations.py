"""What the tables are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncnb.metadata import Json

CSS, ESS = "css", "ess"
TEXT, JSON, BYTES = "text/plain", "application/json", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query or a header."""

    name: str
    what: str
    schema: Mapping[str, Json]
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its media type, and its schema or the name of one."""

    media_type: str
    schema: Mapping[str, Json] | str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation; `others` are bodies of other media types."""

    what: str
    content: Content | None = None
    headers: tuple[str, ...] = ()
    others: tuple[Content, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method on one path.

    Parameters
    ----------
    name : str
        Its operationId; that of the SDKs where they have one.
    method, path : str
        The path is a template. ``{o}`` stands for ``{orgID}/`` on a CSS and for nothing on an ESS.
    what : str
        One line.
    section : str
        Where the protocol says more.
    answers : mapping
        Status -> answer. What `description` adds to all operations is left out.
    tag : str
        The group that it belongs to.
    roles : tuple of str
        Which services have it.
    more : str
        What else a caller has to know.
    parameters : tuple of Parameter
        Of the query, and headers.
    body : Content, optional
        What is sent.
    optional_body : bool
        Whether it may be left out.
    public : bool
        Whether it needs no credentials.
    """

    name: str
    method: str
    path: str
    what: str
    section: str
    answers: Mapping[int, Answer]
    tag: str = "objects"
    roles: tuple[str, ...] = (CSS, ESS)
    more: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Content | None = None
    optional_body: bool = False
    public: bool = False

    def template(self, *, is_css: bool) -> str:
        """The path as a service of this role has it."""
        return self.path.replace("{o}", "{orgID}/" if is_css else "")


def flag(name: str, what: str) -> Parameter:
    """A boolean of the query (rest-api.md, 1.3)."""
    return Parameter(name, what, {"type": "boolean", "default": False})


def word(name: str, what: str, **schema: Json) -> Parameter:
    """A text of the query."""
    return Parameter(name, what, {"type": "string", **schema})


def header(name: str, what: str, pattern: str) -> Parameter:
    """A header that a caller may send."""
    return Parameter(name, what, {"type": "string", "pattern": pattern}, "header")


DONE = {204: Answer("Done.")}
BAD = {400: Answer("The request is invalid: a line of English, or nothing, says why.")}
NONE = {404: Answer("There is nothing.")}
LARGE = {413: Answer("The body is larger than this service takes.")}
FULL = {507: Answer("The disk of the service is full: nothing was changed.")}
CHANGED = {412: Answer("It is not what the condition names (RFC 9110, 13): nothing was done.")}
IF = (
    header("If-Match", "Only if this `ETag` is what is there, or `*`.", r'^("\d{1,19}"|\*)$'),
    header("If-None-Match", "`*`: only if nothing is there.", r'^("\d{1,19}"|\*)$'),
)
SAME = {304: Answer("It is still what `If-None-Match` names.", headers=("ETag",))}
WAIT = (
    header(
        "Prefer",
        "`wait=N`: answer when there is something new, or after N seconds, at most 60 (RFC 7240).",
        r"^wait=\d{1,3}$",
    ),
    header("If-None-Match", "The `ETag` of what is known already.", r'^"[0-9a-f]{32}"$'),
)


def array(schema: str) -> Content:
    """A JSON array."""
    return Content(JSON, {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}})


def found(what: str, schema: str) -> dict[int, Answer]:
    """A list that a caller may wait for."""
    return {200: Answer(what, array(schema), ("ETag", "Preference-Applied")), **SAME}
