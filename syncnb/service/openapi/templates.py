"""Which operation a path belongs to, by its shape: for metrics, whose labels must be few."""

from __future__ import annotations

from collections import defaultdict

from syncnb.service.openapi.tables import operations

OTHER = "other"


class Templates:
    """The paths of a service.

    Parameters
    ----------
    is_css : bool
        Whether it is a CSS.
    """

    def __init__(self, *, is_css: bool) -> None:
        self._known: dict[int, list[tuple[list[str], str]]] = defaultdict(list)
        paths = {one.template(is_css=is_css) for one in operations(is_css=is_css)}
        for path in sorted(paths, key=lambda path: path.count("{")):  # words before parameters
            shape = path.strip("/").split("/")
            self._known[len(shape)].append((shape, path))

    def find(self, path: str) -> str:
        """The template that a path fits, or ``other``.

        Examples
        --------
        >>> Templates(is_css=True).find("/api/v1/objects/acme/model/defects/STATUS/")
        '/api/v1/objects/{orgID}/{objectType}/{objectID}/status'
        >>> Templates(is_css=False).find("/favicon.ico")
        'other'
        """
        parts = path.strip("/").split("/")
        last = parts[-1].lower()
        for shape, template in self._known.get(len(parts), ()):
            if all(
                want == part or want[0] == "{" or (want == last and part is parts[-1])
                for want, part in zip(shape, parts, strict=True)
            ):
                return template
        return OTHER
