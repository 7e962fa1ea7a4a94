"""The lists that calls return: lists that know how to become a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from syncnb.errors import MissingDependencyError
from syncnb.metadata.values import Value, table

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
_SHOWN = 60  # rows


class Listing(list[T]):
    """A list of values that a service sent.

    Parameters
    ----------
    items : iterable, optional
        What it holds.
    of : type or str
        Type of the values; for a list of texts, what they are.

    Examples
    --------
    >>> from syncnb.metadata import Destination
    >>> Listing([Destination(dest_type="camera", dest_id="node1")], of=Destination)
    [Destination(dest_type='camera', dest_id='node1')]
    """

    def __init__(self, items: Iterable[T] = (), *, of: type[Value] | str) -> None:
        super().__init__(items)
        self._of = of

    def to_pandas(self) -> pd.DataFrame:
        """The list as a table.

        Returns
        -------
        pandas.DataFrame
            A row a value, a column a field; the same columns and types when the list is empty.

        Raises
        ------
        MissingDependencyError
            pandas is not installed.

        Examples
        --------
        >>> Listing(["camera", "stats"], of="object_type").to_pandas()["object_type"].tolist()
        ['camera', 'stats']
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("pandas", "A table", "notebook") from error
        columns = self._columns()
        frame = pd.DataFrame(self._rows(list(self)), columns=list(columns))
        return frame.astype(dict(columns))

    def __repr__(self) -> str:
        shown = ",\n ".join(map(repr, self[:_SHOWN]))
        more = len(self) - _SHOWN
        return f"[{shown}{f', ... and {more} more' if more > 0 else ''}]"

    def _repr_html_(self) -> str:
        title = self._of if isinstance(self._of, str) else self._of.__name__
        return table(
            list(self._columns()),
            self._rows(self[:_SHOWN]),
            max(len(self) - _SHOWN, 0),
            f"{len(self)} × {title}",
        )

    def _columns(self) -> Mapping[str, str]:
        return {self._of: "str"} if isinstance(self._of, str) else self._of.columns()

    def _rows(self, items: Iterable[T]) -> list[dict[str, object]]:
        return [one.to_dict() if isinstance(one, Value) else {str(self._of): one} for one in items]
