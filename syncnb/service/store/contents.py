"""Data, by their digest: equal bytes are stored once, and go with the last object that has them."""

from __future__ import annotations

from syncnb.service.store.records import Content, StoredData
from syncnb.service.store.statements import Statements


class Contents(Statements):
    """The table ``contents``."""

    def adopt(self, stored: StoredData) -> str:
        """Keep data for a record of this transaction, which names them by what is returned.

        Where equal bytes are there already, the new file takes the place of the old one: should
        that be damaged, publishing again heals it.
        """
        old = self._row("SELECT file FROM contents WHERE blob = :blob", {"blob": stored.sha256})
        if old is not None and old[0] is not None and old[0] != stored.file:
            self.dropped.add(old[0])
        self._put(
            "contents",
            ("blob",),
            {
                "blob": stored.sha256,
                "size": stored.size,
                "file": stored.file,
                "content": stored.content,
            },
        )
        return stored.sha256

    def discard(self, stored: StoredData) -> None:
        """Throw away data that no record is to name."""
        if stored.file is not None:
            self.dropped.add(stored.file)

    def content(self, blob: str) -> Content | None:
        """Where data are."""
        row = self._row(
            "SELECT size, file, content FROM contents WHERE blob = :blob", {"blob": blob}
        )
        if row is None:
            return None
        return Content(int(row[0]), row[1], None if row[2] is None else bytes(row[2]))

    def files(self) -> set[str]:
        """Every file that a record names."""
        complete = self._rows("SELECT file FROM contents WHERE file IS NOT NULL", {})
        partial = self._rows("SELECT partial FROM objects WHERE partial IS NOT NULL", {})
        return {row[0] for row in (*complete, *partial)}

    def is_named(self, file: str) -> bool:
        """Whether a record names a file."""
        values = {"file": file}
        return any(
            self._row(f"SELECT 1 FROM {table} = :file LIMIT 1", values) is not None
            for table in ("contents WHERE file", "objects WHERE partial")
        )

    def _release(self, blob: str) -> None:
        """Forget data unless another object has them too."""
        if self._row("SELECT 1 FROM objects WHERE blob = :blob LIMIT 1", {"blob": blob}):
            return
        row = self._row("SELECT file FROM contents WHERE blob = :blob", {"blob": blob})
        if row is not None and row[0] is not None:
            self.dropped.add(row[0])
        self._change("DELETE FROM contents WHERE blob = :blob", {"blob": blob})
