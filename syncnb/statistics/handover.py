"""Handing prepared objects over to the service of the node, each once."""

from __future__ import annotations

from syncnb.client import SyncServiceClient
from syncnb.errors import ObjectNotFoundError, PreconditionFailedError, RequestRefusedError
from syncnb.metadata import ObjectMetaData, ObjectState
from syncnb.statistics.stream import Prepared, Stream

MOST_WAITING = 64  # objects of a stream that the service may hold and the cloud has not consumed
_INLINE = 256 << 10  # bytes; smaller data travel with the metadata, as one version
_THERE = (ObjectState.READY, ObjectState.CONSUMED_BY_DEST)


class Handover:
    """The way from the streams of one type to the service.

    Parameters
    ----------
    client : SyncServiceClient
        The service of the node.
    object_type : str
        Of the objects.

    Notes
    -----
    An object of a node is ``ready`` from when the service has it until the cloud has consumed it,
    also while the cloud is away; then it is ``consumedByDest`` (rest-api.md, 8.1), and after a
    thousand others it is forgotten (8.7).
    """

    def __init__(self, client: SyncServiceClient, object_type: str) -> None:
        self._client, self._object_type = client, object_type
        self._cursor = 0

    def hand_over(self, stream: Stream) -> bool:
        """Hand over what the spool of a stream has complete, as far as there is room.

        Parameters
        ----------
        stream : Stream
            Held by this process.

        Returns
        -------
        bool
            False if the service holds so much that the cloud has not taken that the rest waits.

        Raises
        ------
        SyncError, OSError
            The service does not take it; the disk does not.
        """
        while stream.prepared is not None or stream.spool.backlog:
            if len(stream.waiting) >= MOST_WAITING and not self._has_room(stream):
                return False
            prepared = stream.prepare()
            if prepared is not None:
                self._put(prepared)
                stream.handed_over()
        return True

    def _put(self, prepared: Prepared) -> None:
        """Store an object, unless it was stored before, by whichever process.

        Raises
        ------
        SyncError
            The service does not take it.
        """
        meta = ObjectMetaData(
            object_type=self._object_type,
            object_id=prepared.object_id,
            description=prepared.description,
        )
        status = self._status(prepared.object_id)
        if status in _THERE:
            return
        try:
            self._store(meta, prepared, known=status is not None)
        except (PreconditionFailedError, RequestRefusedError):
            # The answer to an earlier try was lost; the cloud may have consumed it since.
            if self._status(prepared.object_id) not in _THERE:
                raise

    def _store(self, meta: ObjectMetaData, prepared: Prepared, *, known: bool) -> None:
        client = self._client
        inline = prepared.size <= _INLINE
        present = client.get_object_metadata(meta.object_type, meta.object_id) if known else None
        instance = client.replace_object(
            meta,
            present.instance_id if present is not None else 0,
            data=prepared.path.read_bytes() if inline else None,
        )
        if inline:
            return
        if instance is None:  # the service knows no conditions
            client.update_object_data(meta, prepared.path)
        else:
            client.replace_object_data(meta, prepared.path, instance, progress=False)

    def _has_room(self, stream: Stream) -> bool:
        """Whether the cloud has taken something since; a few of the objects are looked at.

        The oldest ones, until one has not been taken, and the same from another one on, which
        is the next each time: one that the cloud never takes does not stand in the way.
        """
        waiting = stream.waiting
        taken: set[str] = set()
        self._cursor = (self._cursor + 1) % len(waiting)
        for start in {0, self._cursor}:
            for one in waiting[start:]:
                if one not in taken and self._status(one) == ObjectState.READY:
                    break
                taken.add(one)
        if taken:
            stream.taken(taken)
        return bool(taken)

    def _status(self, object_id: str) -> ObjectState | None:
        try:
            return self._client.get_object_status(self._object_type, object_id)
        except ObjectNotFoundError:
            return None
