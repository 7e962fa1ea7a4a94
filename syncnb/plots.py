"""Pictures of a roll-out and of what nodes report: ordinary figures of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import natural
from syncnb.publication import Publication
from syncnb.statistics.frames import require, version_column
from syncnb.statistics.pictures import COLOURS, GREY, axes, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LAGGARDS = 5  # nodes that are named
_REACHED = {"delivered": ("delivered", "consumed"), "consumed": ("consumed",)}


def rollout(publication: Publication, *, status: str = "consumed", ax: Axes | None = None) -> Axes:
    """How many nodes got there, over time, and who did not.

    Parameters
    ----------
    publication : Publication
        Looked at while its nodes got on, by `Publication.wait` or a live table.
    status : {"consumed", "delivered"}
        Where to.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The picture, to be restyled at will.

    Raises
    ------
    InvalidMetaDataError
        There is no such status.
    MissingDependencyError
        matplotlib is not installed.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=2) as fleet:
    ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     last = done.wait("delivered")
    >>> rollout(done, status="delivered").get_title(loc="left")
    '2 of 2 nodes delivered'
    """
    times, late = _times(publication, status)
    ax = axes(ax, width=7, height=3.2)
    total = len(times) + len(late)
    seconds = [0.0, *times]
    ax.step(seconds, range(len(seconds)), where="post", lw=2, color=COLOURS[0])
    ax.fill_between(seconds, range(len(seconds)), step="post", alpha=0.12, color=COLOURS[0])
    ax.axhline(total, lw=1, ls=":", color=GREY)
    if late:
        named = ", ".join(late[:_LAGGARDS])
        more = f" and {len(late) - _LAGGARDS} more" if len(late) > _LAGGARDS else ""
        ax.text(0.99, 0.04, f"not yet: {named}{more}", transform=ax.transAxes, ha="right",
                fontsize=9, wrap=True)  # fmt: skip
    ax.set(xlabel="seconds since it was published", ylabel=f"nodes {status}")
    ax.set_ylim(0, max(total, 1) * 1.08)
    ax.set_xlim(left=0)
    ax.locator_params(axis="y", integer=True)
    ax.set_title(f"{len(times)} of {total} nodes {status}", loc="left")
    return plain(ax)


def delivery_times(
    publication: Publication, *, status: str = "delivered", ax: Axes | None = None
) -> Axes:
    """How long it took to the nodes: a histogram with the median and the 95th percentile.

    Parameters
    ----------
    publication : Publication
        As for `rollout`.
    status : {"delivered", "consumed"}
        Where to.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The picture.

    Raises
    ------
    InvalidMetaDataError
        There is no such status, or no node got there.
    MissingDependencyError
        matplotlib is not installed.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=2) as fleet:
    ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     last = done.wait("delivered")
    >>> delivery_times(done).get_xlabel()
    'seconds until delivered'
    """
    import numpy as np

    times, _ = _times(publication, status)
    if not times:
        raise InvalidMetaDataError(
            "status", status, "wait until the first node got there: publication.wait(...)"
        )
    ax = axes(ax, width=7, height=3.2)
    ax.hist(times, bins=min(40, max(5, len(times) // 5)), color=COLOURS[0], alpha=0.75)
    for part, style in ((50, "-"), (95, "--")):
        place = float(np.percentile(times, part))
        name = "median" if part == 50 else f"{part} %"
        ax.axvline(place, ls=style, lw=1.5, color=COLOURS[1], label=f"{name}: {place:.2f} s")
    ax.legend(frameon=False)
    ax.set(xlabel=f"seconds until {status}", ylabel="nodes")
    ax.locator_params(axis="y", integer=True)
    ax.set_title(f"{publication.title}: {len(times)} nodes", loc="left")
    return plain(ax)


def by_version(
    frame: pd.DataFrame,
    column: str,
    *,
    nodes: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A statistic by node and version: means, with the spread of the rows.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows as `syncnb.collect` gives them.
    column : str
        A column of numbers.
    nodes : sequence of str, optional
        Only these; by default all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The picture: a line a node, a colour a version, bars of one standard deviation.

    Raises
    ------
    InvalidMetaDataError
        There is no such column, or it has no numbers.
    MissingDependencyError
        matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"node": ["a", "a", "b"], "model_version": ["1", "2", "2"],
    ...                      "accuracy": [0.8, 0.9, 0.7]})
    >>> by_version(rows, "accuracy").get_xlabel()
    'accuracy'
    """
    require(frame, "node", column)
    if frame[column].dtype.kind not in "biuf":
        raise InvalidMetaDataError("column", column, "name a column of numbers")
    version = version_column(frame).rename("version")
    wanted = frame if nodes is None else frame[frame["node"].isin(list(nodes))]
    groups = wanted.groupby(["node", version[wanted.index]], observed=True)
    spread = groups[column].agg(["mean", "std"])
    names = sorted({str(node) for node, _ in spread.index}, key=natural)
    versions = sorted({one for _, one in spread.index}, key=natural)
    ax = axes(ax, width=6, height=1.2 + 0.32 * len(names))
    for number, one in enumerate(versions):
        rows = spread.xs(one, level="version")
        shift = 0.16 * (number - (len(versions) - 1) / 2)
        places = [names.index(str(node)) + shift for node in rows.index]
        ax.errorbar(
            rows["mean"], places, xerr=rows["std"].fillna(0), fmt="o", ms=5, lw=1.4, capsize=2,
            color=COLOURS[number % len(COLOURS)], label=one or "unknown",
        )  # fmt: skip
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(xlabel=column)
    ax.grid(axis="y", lw=0.4, alpha=0.6)
    if versions != [""]:
        ax.legend(title="version", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return plain(ax)


def _times(publication: Publication, status: str) -> tuple[list[float], list[str]]:
    """Seconds until each node got there, sorted, and the nodes that did not."""
    if status not in _REACHED:
        raise InvalidMetaDataError("status", status, f"name one of {sorted(_REACHED)}")
    history = publication.history()
    node = history["dest_type"] + "/" + history["dest_id"]
    there = history["status"].isin(_REACHED[status])
    first = history["since"].where(there).groupby(node).min()
    seconds = (first - publication.published_at).dt.total_seconds().clip(lower=0)
    late = sorted((str(one) for one in seconds.index[seconds.isna()]), key=natural)
    return sorted(seconds.dropna().tolist()), late
