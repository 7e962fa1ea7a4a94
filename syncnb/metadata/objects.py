"""`ObjectMetaData`: what a service knows about one object (rest-api.md, 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata.destinations import Destination
from syncnb.metadata.fields import OBJECT_FIELDS, Json, read, read_objects, read_texts
from syncnb.metadata.policies import DestinationPolicy
from syncnb.metadata.rules import check_update
from syncnb.metadata.times import format_time, in_utc, parse_time
from syncnb.metadata.values import Value

_JSON_NAMES = frozenset(json for _, json, _ in OBJECT_FIELDS)
_TIMES = ("expiration", "activation_time")
# What the service sets; a get-modify-update must not send it back (rest-api.md, 14.1).
_SET_BY_SERVICE = frozenset(
    {
        "dest_org_id",
        "origin_id",
        "origin_type",
        "deleted",
        "instance_id",
        "data_id",
        "object_size",
        "chunk_size",
        "upload_chunk_size",
        "owner_id",
    }
)


@dataclass(frozen=True, kw_only=True, repr=False)
class ObjectMetaData(Value):
    """Metadata of one object (rest-api.md, 5.1).

    Parameters
    ----------
    object_type, object_id : str
        Together the object's name, unique in its organisation.
    dest_type : str, default ""
        All nodes of this type; with `dest_id`, one of them. Without both, `destinations_list` and
        `destination_policy`, the object goes to every node of the organisation.
    dest_id : str, default ""
        One node; needs `dest_type`.
    destinations_list : sequence of str or Destination, optional
        Exactly these nodes, each as ``"type:id"``.
    destination_policy : DestinationPolicy, optional
        For whom the object is, in terms that another program evaluates. Its JSON form is taken too.
    expiration, activation_time : datetime, optional
        Aware; kept in UTC and whole seconds. When the CSS forgets the object; when an inactive one
        becomes active.
    version, description, link : str
        For the application. With a `link` no data travel.
    inactive : bool
        Do not deliver before `SyncServiceClient.activate_object` or the `activation_time`.
    no_data : bool
        There are no data and will be none.
    meta_only : bool
        This update leaves the data that are stored alone.
    auto_delete : bool
        The CSS may forget the object when every node consumed it.
    public : bool
        Every authenticated user of every organisation may read it.
    destination_data_uri, source_data_uri : str
        ``file:///path`` on the machine of a node: where it puts the data (for a CSS), where it has
        them (for an ESS).
    consumers : int, default 1
        Applications on a node that must each acknowledge the object; -1 means that it is never
        complete.
    hash_algorithm, public_key, signature : str
        ``SHA1`` or ``SHA256``, and two texts in base64: services check the data with them if all
        three are given.
    deleted : bool
        Set by the service: this tells of a deletion.
    object_size, chunk_size, upload_chunk_size : int
        Bytes; set by the service.
    instance_id, data_id : int
        Set by the service; they grow with every change of the object, and of its data.
    dest_org_id, origin_id, origin_type, owner_id : str
        Set by the service: where the object is, which side it came from, who wrote it.
    unknown : mapping
        Members of a newer service, under their JSON names, sent back as they came.

    Raises
    ------
    InvalidMetaDataError
        A time without a time zone. Everything else is left to `check`, since metadata that came
        from a service are what they are.

    Examples
    --------
    >>> meta = ObjectMetaData(object_type="model", object_id="defects", dest_type="camera")
    >>> meta
    ObjectMetaData(object_type='model', object_id='defects', dest_type='camera')
    >>> meta.to_json()["destinationType"]
    'camera'
    """

    object_type: str
    object_id: str
    dest_org_id: str = ""
    dest_id: str = ""
    dest_type: str = ""
    destinations_list: Sequence[str] | None = None
    destination_policy: DestinationPolicy | None = None
    expiration: datetime | None = None
    version: str = ""
    description: str = ""
    link: str = ""
    inactive: bool = False
    activation_time: datetime | None = None
    no_data: bool = False
    meta_only: bool = False
    destination_data_uri: str = ""
    source_data_uri: str = ""
    consumers: int = 1
    auto_delete: bool = False
    origin_id: str = ""
    origin_type: str = ""
    deleted: bool = False
    instance_id: int = 0
    data_id: int = 0
    object_size: int = 0
    chunk_size: int = 0
    upload_chunk_size: int = 0
    hash_algorithm: str = ""
    public_key: str = ""
    signature: str = ""
    public: bool = False
    owner_id: str = ""
    unknown: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        listed: Any = self.destinations_list
        if isinstance(listed, Iterable) and not isinstance(listed, str):
            entries = (str(one) if isinstance(one, Destination) else one for one in listed)
            object.__setattr__(self, "destinations_list", tuple(entries))
        policy: Any = self.destination_policy
        if isinstance(policy, Mapping):
            given = DestinationPolicy.from_mapping(policy)
            object.__setattr__(self, "destination_policy", given)
        for name in _TIMES:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, in_utc(name, getattr(self, name)))

    def check(self, *, cloud: bool | None = None, data: bytes | None = None) -> Self:
        """Refuse what a service would refuse or could not deliver; return `self`.

        Metadata that came from a service are never checked: they are what they are.

        Parameters
        ----------
        cloud : bool, optional
            Whether they go to a CSS or to an ESS; None leaves out what only one of them refuses.
        data : bytes, optional
            Sent in the same call.

        Raises
        ------
        InvalidMetaDataError
            The first field that is wrong, with its value and the remedy.

        Notes
        -----
        rest-api.md, 6, except for what only the service knows: whether listed nodes are registered,
        whether a ``source_data_uri`` exists, the state of the object, whether a signature is right.

        Examples
        --------
        >>> ObjectMetaData(object_type="model", object_id="my model").check()
        Traceback (most recent call last):
        ...
        syncnb.errors.InvalidMetaDataError: object_id = 'my model' is not possible. ...
        """
        check_update(self, cloud=cloud, data=data)
        return self

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent; unknown members are kept in `unknown`.

        Raises
        ------
        InvalidMetaDataError
            It has no type and ID, or a member is of another type than the protocol says.

        Examples
        --------
        >>> ObjectMetaData.from_json({"objectType": "model", "objectID": "m", "newer": 1}).unknown
        {'newer': 1}
        """
        known: dict[str, Json] = {}
        unknown = {name: item for name, item in value.items() if name not in _JSON_NAMES}
        for python, json, default in OBJECT_FIELDS:
            if python in _TIMES:
                text = read(value, json, "")
                known[python] = parse_time(text)
                if text and known[python] is None:  # services take any text where it has no effect
                    unknown[json] = text
            elif python == "destinations_list":
                known[python] = read_texts(value, json)
            elif python == "destination_policy":
                policy = value.get(json)
                found = read_objects({json: None if policy is None else [policy]}, json)
                known[python] = DestinationPolicy.from_json(found[0]) if found else None
            else:
                known[python] = read(value, json, default)
        for python, json in (("object_type", "objectType"), ("object_id", "objectID")):
            if json not in value:
                raise InvalidMetaDataError(python, None, f"the answer has no {json}")
        return cls(**known, unknown=unknown)

    def to_json(self) -> dict[str, Json]:
        """What to send: fields that hold their default are left out.

        Examples
        --------
        >>> ObjectMetaData(object_type="model", object_id="m", auto_delete=True).to_json()
        {'objectID': 'm', 'objectType': 'model', 'autodelete': True}
        """
        sent: dict[str, Json] = dict(self.unknown)
        for python, json, default in OBJECT_FIELDS:
            value = getattr(self, python)
            if python in _TIMES:
                value = format_time(value)
            elif python == "destinations_list" and value is not None:
                value = list(value)
            elif isinstance(value, DestinationPolicy):
                value = value.to_json()
            if value != default or python in ("object_id", "object_type"):
                sent[json] = value
        return sent

    def for_update(self, **changes: Any) -> Self:
        """A copy to send back: what the service sets is cleared, `changes` are made.

        Parameters
        ----------
        **changes
            Fields, under their names here.

        Returns
        -------
        ObjectMetaData
            With every other field, also those of a newer service.

        Notes
        -----
        `meta_only` is cleared too, since services keep it (rest-api.md, 8.4 and 14.1): to change
        metadata and keep the data that are stored, say ``for_update(meta_only=True, ...)``.

        Examples
        --------
        >>> stored = ObjectMetaData(object_type="model", object_id="m", instance_id=5, public=True)
        >>> stored.for_update(version="2")
        ObjectMetaData(object_type='model', object_id='m', version='2', public=True)
        """
        cleared: dict[str, Any] = {
            one.name: one.default for one in fields(self) if one.name in _SET_BY_SERVICE
        }
        if self.destination_policy is not None:
            cleared["destination_policy"] = replace(self.destination_policy, timestamp=0)
        return replace(self, **{**cleared, "meta_only": False, **changes})

    def as_sent(self) -> Self:
        """A copy as an update sends it: without what the service sets, but with `meta_only`.

        A size is kept if it is not the service's: it lets a service refuse data that will not fit
        before it discards older ones.

        Returns
        -------
        ObjectMetaData
            What `SyncServiceClient.update_object` sends.

        Examples
        --------
        >>> stored = ObjectMetaData(object_type="m", object_id="a", instance_id=5, meta_only=True)
        >>> stored.as_sent()
        ObjectMetaData(object_type='m', object_id='a', meta_only=True)
        """
        kept: dict[str, Any] = {"meta_only": self.meta_only}
        if not self.instance_id:
            kept["object_size"] = self.object_size
        return self.for_update(**kept)
