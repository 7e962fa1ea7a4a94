"""Which version of each object this process uses now, for whatever it reports beside its work."""

from __future__ import annotations

from syncnb.metadata import check_name

_MODEL = "model"  # the type that counts where no object is named
_versions: dict[tuple[str, str], str] = {}
_newest: dict[str, str] = {}  # by type: the version that was taken into use last


def note_use(object_type: str, object_id: str, version: str) -> None:
    """A program was handed a version, to use it from now on.

    Parameters
    ----------
    object_type, object_id, version : str
        Of what was published.

    Examples
    --------
    >>> note_use("model", "defects", "1.2.0")
    >>> version_in_use(), version_in_use("model/defects"), version_in_use("model/other")
    ('1.2.0', '1.2.0', None)
    """
    _versions[object_type, object_id] = version
    _newest[object_type] = version


def version_in_use(name: str | None = None) -> str | None:
    """The version that a program was handed last.

    Parameters
    ----------
    name : str, optional
        ID of a model, or ``type/id`` of another object; without, any model.

    Returns
    -------
    str or None
        None while there is none, or if it has no version.

    Examples
    --------
    >>> version_in_use("nobody-uses-this")
    """
    if name is None:
        return _newest.get(_MODEL) or None
    object_type, slash, object_id = name.partition("/")
    key = (object_type, object_id) if slash else (_MODEL, name)
    return _versions.get(key) or None


def check_object_name(field: str, name: str) -> None:
    """Refuse what `version_in_use` could never find.

    Parameters
    ----------
    field : str
        Named in the error.
    name : str
        As for `version_in_use`.

    Raises
    ------
    InvalidMetaDataError
        It is no name of an object.

    Examples
    --------
    >>> check_object_name("model", "defects@production")
    """
    given: object = name
    for part in given.split("/", 1) if isinstance(given, str) else [name]:
        check_name(field, part)
