"""What every publishing function takes, written down once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

if TYPE_CHECKING:
    from syncnb.archive.opening import ArchiveSource
    from syncnb.client import SyncServiceClient
    from syncnb.signing.signers import SignerSource

F = TypeVar("F", bound=Callable[..., Any])


class Options(TypedDict, total=False):
    """How something is published.

    Attributes
    ----------
    dest_type : str, default ""
        All nodes of this type; empty with no other addressee means every node.
    dest_id : str, default ""
        Only this node of `dest_type`.
    destinations : sequence of str, optional
        Exactly these nodes, each as ``"type:id"``.
    version : str, optional
        Such as ``"1.2.0"``. Without one, the next after the newest that is known, the first being
        ``"1"``; bytes that are the newest already keep their version.
    description : str, default ""
        For people.
    format : str, optional
        Such as ``"csv"``, where a type has more than one.
    convert : str, optional
        Such as ``"onnx"``: publish the model in that form instead; needs `example`.
    example : array or DataFrame, optional
        Input of a model; names, dtypes and shape travel with it, and its first rows for nodes to
        compare predictions with. If these are too long for the manifest, a warning says that they
        are left out.
    metrics, params, extra : mapping, optional
        JSON values that travel with it.
    sbom : bool, default False
        Whether the names and versions of what is installed here travel with it.
    expires : datetime or timedelta, optional
        Until when receivers may take it for the newest.
    signer : Signer, path or False, optional
        Signs it; by default the key of ``SYNCNB_SIGNING_KEY``, if there is one. False: nobody.
    archive : path, str, Archive or False, optional
        Where it is kept for a rollback: a folder or ``"s3://bucket/prefix"``; by default that of
        ``SYNCNB_ARCHIVE``, or a folder of yours. False: nowhere.
    client : SyncServiceClient, optional
        The CSS; by default the one of the settings.
    timeout : float, default 60
        Seconds that the service may be away, such as for a restart, before this gives up.
    """

    dest_type: str
    dest_id: str
    destinations: Sequence[str] | None
    version: str | None
    description: str
    format: str | None
    convert: str | None
    example: object
    metrics: Mapping[str, Any] | None
    params: Mapping[str, Any] | None
    extra: Mapping[str, Any] | None
    sbom: bool
    expires: datetime | timedelta | None
    signer: SignerSource
    archive: ArchiveSource | bool | None
    client: SyncServiceClient | None
    timeout: float


DEFAULTS: Mapping[str, Any] = {
    "dest_type": "",
    "dest_id": "",
    "destinations": None,
    "version": None,
    "description": "",
    "format": None,
    "convert": None,
    "example": None,
    "metrics": None,
    "params": None,
    "extra": None,
    "sbom": False,
    "expires": None,
    "signer": None,
    "archive": None,
    "client": None,
    "timeout": 60.0,
}


def with_options(function: F) -> F:
    """Show the options of a publishing function, to people and to completion.

    Parameters
    ----------
    function : callable
        Takes ``**options: Unpack[Options]``.

    Returns
    -------
    callable
        The same, with every option and its default in its signature; refuses what is no option.

    Examples
    --------
    >>> from inspect import signature
    >>> @with_options
    ... def publish_song(song: str, **options):
    ...     return options
    >>> signature(publish_song).parameters["timeout"].default
    60.0
    >>> publish_song("la", dest="edge")
    Traceback (most recent call last):
    TypeError: publish_song() got an unexpected keyword argument 'dest'
    """
    shown = signature(function)
    own = [one for one in shown.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=DEFAULTS[name], annotation=hint)
        for name, hint in Options.__annotations__.items()
    ]
    known = {*DEFAULTS, *(one.name for one in own)}

    @wraps(function)
    def checked(*args: Any, **given: Any) -> Any:
        for name in given:
            if name not in known:
                raise TypeError(
                    f"{function.__name__}() got an unexpected keyword argument {name!r}"
                )
        return function(*args, **given)

    checked.__signature__ = shown.replace(  # type: ignore[attr-defined]
        parameters=[*own, *options]
    )
    return cast(F, checked)
