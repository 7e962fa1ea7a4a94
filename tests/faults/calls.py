"""The calls of an application, what the service makes of them, and what has to come back."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import ObjectNotFoundError, ServiceError, SyncError

from .model import Cloud, Node, Side, Stored, data_of, made, same

S_contra = TypeVar("S_contra", bound=Side, contravariant=True)
Form = Literal["bytes", "path", "file", "stream", "pieces"]


@dataclass(frozen=True)
class Call(ABC, Generic[S_contra]):
    """One call of a client.

    Parameters
    ----------
    name : str
        Object that it is about, if it is about one.
    """

    name: str = "a"
    changes = False  # whether the service has something else afterwards
    moves_data = False  # whether it brings data, and so may break in the middle of them
    may_end_anywhere = False  # whether nothing in the answer says that it is whole

    @abstractmethod
    def make(self, client: SyncServiceClient, side: S_contra, meta: ObjectMetaData) -> object:
        """Call; `meta` are what the service has, or what a caller made if it has none."""

    def applies(self, side: S_contra) -> bool:
        """Whether it is certain what has to come back."""
        return True

    def refusal(self, side: S_contra) -> type[SyncError] | None:
        """The error that is the right answer; None if there is none."""
        return None

    def done(self, side: S_contra) -> None:
        """What the service has once it did it."""

    def check(self, side: S_contra, result: object) -> None:
        """Whether the result is right."""
        assert result is None


class _OfAnObject(Call[Cloud]):
    """Answered with 404 if there is no such object."""

    def refusal(self, side: Cloud) -> type[SyncError] | None:
        return None if self.name in side.objects else ObjectNotFoundError


class _OfData(Call[Side]):
    """Answered with 404 if there are no data."""

    moves_data = True

    def applies(self, side: Side) -> bool:
        """What was consumed goes when the other side knows of it."""
        return not (isinstance(side, Node) and side.objects[self.name].over)

    def refusal(self, side: Side) -> type[SyncError] | None:
        return None if side.data(self.name) is not None else ObjectNotFoundError


@dataclass(frozen=True)
class Store(Call[Cloud]):
    """Metadata and data in one call, or metadata that wait for data."""

    version: int = 1
    size: int | None = 10
    changes = True

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        data = None if self.size is None else data_of(self.version, self.size)
        return client.update_object(made(side.object_type, self.name, self.version), data=data)  # type: ignore[func-returns-value]

    def done(self, side: Cloud) -> None:
        data = None if self.size is None else data_of(self.version, self.size)
        side.objects[self.name] = Stored(self.version, data)


@dataclass(frozen=True)
class Upload(_OfAnObject):
    """Data for an object."""

    seed: int = 1
    size: int = 300_000
    form: Form = "bytes"
    retries: int = 3
    changes = True

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        data = data_of(self.seed, self.size)
        path = side.folder.parent / "upload"
        path.write_bytes(data)
        with path.open("rb") as file:
            forms: dict[Form, Any] = {
                "bytes": data,
                "path": path,
                "file": file,
                "stream": _Stream(data),
                "pieces": _pieces(data),
            }
            what = forms[self.form]
            return client.update_object_data(meta, what, retries=self.retries, progress=False)  # type: ignore[func-returns-value]

    def done(self, side: Cloud) -> None:
        side.objects[self.name].data = data_of(self.seed, self.size)


@dataclass(frozen=True)
class Delete(_OfAnObject):
    """Deletion; no node has it."""

    changes = True

    def applies(self, side: Cloud) -> bool:
        """What a node had goes when the node knows of it."""
        return self.name not in side.placed

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        return client.delete_object(side.object_type, self.name)  # type: ignore[func-returns-value]

    def done(self, side: Cloud) -> None:
        del side.objects[self.name]


@dataclass(frozen=True)
class Place(_OfAnObject):
    """Nodes for an object, or none."""

    action: Literal["add", "remove", "replace"] = "replace"
    nodes: tuple[str, ...] = ()
    changes = True

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        calls = {
            "add": client.add_object_destinations,
            "remove": client.remove_object_destinations,
            "replace": client.update_object_destinations,
        }
        return calls[self.action](side.object_type, self.name, self.nodes)

    def refusal(self, side: Cloud) -> type[SyncError] | None:
        return None if self.name in side.objects else ServiceError  # 404 or 500 (4.24, 4.25)

    def done(self, side: Cloud) -> None:
        there, nodes = side.objects[self.name], set(self.nodes)
        if nodes:
            side.placed.add(self.name)
        there.nodes = {
            "add": there.nodes | nodes,
            "remove": there.nodes - nodes,
            "replace": nodes,
        }[self.action]


class Places(Call[Cloud]):
    """The nodes of an object; none if there is no such object."""

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        found = client.get_object_destinations(side.object_type, self.name)
        return {f"{one.dest_type}:{one.dest_id}" for one in found}

    def check(self, side: Cloud, result: object) -> None:
        there = side.objects.get(self.name)
        assert result == (there.nodes if there else set())


class Describe(_OfAnObject):
    """The metadata."""

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        return client.get_object_metadata(side.object_type, self.name)

    def check(self, side: Cloud, result: object) -> None:
        assert isinstance(result, ObjectMetaData)
        there = side.objects[self.name]
        assert result.object_id == self.name
        assert result.description == f"version {there.version}"
        assert result.object_size == len(there.data or b"")


class Status(_OfAnObject):
    """The word of its status."""

    may_end_anywhere = True

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        return client.get_object_status(side.object_type, self.name)

    def check(self, side: Cloud, result: object) -> None:
        assert result == ("notReady" if side.objects[self.name].data is None else "ready")


class List(Call[Cloud]):
    """All objects of the type."""

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        return [one.object_id for one in client.get_objects(side.object_type)]

    def check(self, side: Cloud, result: object) -> None:
        assert sorted(result) == sorted(side.objects)  # type: ignore[call-overload]


class Nodes(Call[Cloud]):
    """All nodes of the organisation."""

    def make(self, client: SyncServiceClient, side: Cloud, meta: ObjectMetaData) -> object:
        return [node.dest_id for node in client.get_destinations()]

    def check(self, side: Cloud, result: object) -> None:
        assert sorted(result) == ["k1", "node1"]  # type: ignore[call-overload]


@dataclass(frozen=True)
class Read(_OfData):
    """The data, in memory or into a file object, from some byte on."""

    part: float = 0.0  # of the data that is not wanted
    retries: int = 3

    def make(self, client: SyncServiceClient, side: Side, meta: ObjectMetaData) -> object:
        out = io.BytesIO()
        skipped = int(self.part * meta.object_size)
        count = client.fetch_object_data(
            meta, out, offset=skipped, retries=self.retries, progress=False
        )
        assert count == len(out.getvalue())
        return out.getvalue()

    def check(self, side: Side, result: object) -> None:
        data = side.data(self.name) or b""
        assert isinstance(result, bytes)
        same(result, data[int(self.part * len(data)) :])


@dataclass(frozen=True)
class Download(_OfData):
    """The data, into a file that is there already or not."""

    retries: int = 3

    def make(self, client: SyncServiceClient, side: Side, meta: ObjectMetaData) -> object:
        path = side.folder / self.name
        return client.download_object_data(meta, path, retries=self.retries, progress=False)

    def check(self, side: Side, result: object) -> None:
        assert result == side.folder / self.name
        side.files[self.name] = side.data(self.name) or b""


@dataclass(frozen=True)
class Skim(_OfData):
    """Some bytes in the middle, by a file that reads only what it has to."""

    share: float = 0.5
    size: int = 1000
    retries: int = 3

    def make(self, client: SyncServiceClient, side: Side, meta: ObjectMetaData) -> object:
        with client.open_object_data(meta, retries=self.retries) as file:
            file.seek(int(self.share * meta.object_size))
            return file.read(self.size), file.seek(-1, os.SEEK_END) if meta.object_size else -1

    def check(self, side: Side, result: object) -> None:
        data = side.data(self.name) or b""
        first = int(self.share * len(data))
        assert isinstance(result, tuple)
        same(result[0], data[first : first + self.size])
        assert result[1] == len(data) - 1


class _Stream(io.RawIOBase):
    """What can be read once, as a pipe."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


def _pieces(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 70_000):
        yield data[at : at + 70_000]
