"""Pictures of a summary, a comparison and a drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncnb.metadata import natural
from syncnb.statistics.frames import library

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from syncnb.statistics.compare import Comparison

COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed", "#dc2626", "#0891b2", "#9aa5b1")
GREY, _RED = "#9aa5b1", "#dc2626"
_MUCH = 0.25  # where the shades end: a larger shift is large in any case


def timeline(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """A line for each node, with a bar from the first to the last row of each version."""
    dates = library("matplotlib.dates", "plot")
    nodes = list(dict.fromkeys(frame["node"]))
    ax = axes(ax, width=7, height=1 + 0.3 * len(nodes))
    shades = {v: COLOURS[n % len(COLOURS)] for n, v in enumerate(sorted(set(frame["version"])))}
    for row in frame.to_dict("records"):
        first, last = dates.date2num(row["first_seen"]), dates.date2num(row["last_seen"])
        place, shade = nodes.index(row["node"]), shades[row["version"]]
        ax.plot([first, last], [place, place], lw=7, color=shade, solid_capstyle="butt")
        ax.plot([first, last], [place, place], "|", ms=9, mew=2, color=shade)
        if row["gaps"]:
            text = f"{row['gaps']} missing"
            ax.annotate(text, (last, place), (6, 0), textcoords="offset points",
                        va="center", fontsize=8, color=_RED)  # fmt: skip
    ax.set_yticks(range(len(nodes)), [str(n) for n in nodes])
    ax.set_ylim(len(nodes) - 0.5, -0.5)
    ax.xaxis_date()
    locator = dates.AutoDateLocator()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    ax.set(xlabel="first to last row, UTC")
    ax.margins(x=0.08)
    if set(shades) != {""}:
        handles = [ax.plot([], [], lw=6, color=c, label=v or "unknown")[0]
                   for v, c in shades.items()]  # fmt: skip
        ax.legend(handles=handles, ncols=6, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return plain(ax)


def versions(comparison: Comparison, ax: Axes | None) -> Axes:
    """Each node as a line between two versions, and the means with their intervals."""
    ax = axes(ax, width=5, height=3.5)
    first, second = comparison.frame.index[:2]
    nodes = comparison.nodes
    both = nodes[[first, second]].to_numpy()
    ax.plot([0.15, 0.85], both.T, "-o", color=GREY, ms=3, lw=0.8, alpha=0.7, zorder=1)
    means = comparison.frame.iloc[:2]
    spread = [(means["mean"] - means["low"]).to_numpy(), (means["high"] - means["mean"]).to_numpy()]
    ax.errorbar([0, 1], means["mean"], yerr=spread, fmt="D", color=COLOURS[0], capsize=5, lw=2,
                zorder=2)  # fmt: skip
    ax.set_xticks([0, 1], [f"{v}\n{n} {comparison.unit}s" for v, n in means["n"].items()])
    ax.set_xlim(-0.3, 1.3)
    difference = comparison.frame.loc["difference"]
    ax.set(ylabel=comparison.metric)
    ax.set_title(
        f"difference {difference['mean']:+.3g}  ({difference['low']:+.3g} to "
        f"{difference['high']:+.3g}, {comparison.confidence:.0%})", fontsize=10,
    )  # fmt: skip
    return plain(ax)


def heatmap(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """The index of each node and column, as shades."""
    table = frame.pivot_table(
        index="node", columns="column", values="psi", dropna=False, sort=True, observed=False
    ).astype("float64")
    table = table.loc[sorted(table.index, key=lambda node: natural(str(node)))]
    ax = axes(ax, width=2.2 + 0.8 * table.shape[1], height=1.2 + 0.28 * table.shape[0])
    image = ax.imshow(table.to_numpy(), vmin=0, vmax=_MUCH * 2, cmap="Blues", aspect="auto")
    ax.set_xticks(range(table.shape[1]), [str(c) for c in table.columns], rotation=30, ha="right")
    ax.set_yticks(range(table.shape[0]), [str(n) for n in table.index])
    patches = library("matplotlib.patches", "plot")
    for row in frame[frame["verdict"] == "drifted"].to_dict("records"):
        x, y = list(table.columns).index(row["column"]), list(table.index).index(row["node"])
        ax.add_patch(patches.Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, fill=False, lw=2,
                                       edgecolor=_RED))  # fmt: skip
        dark = table.to_numpy()[y, x] > _MUCH
        ax.text(x, y, f"{row['psi']:.2f}", ha="center", va="center", fontsize=8,
                color="white" if dark else "black")  # fmt: skip
    ax.figure.colorbar(image, ax=ax, label="stability index", extend="max")
    ax.set_title("drift; red: drifted", fontsize=10)
    return ax


def axes(ax: Axes | None, *, width: float, height: float) -> Axes:
    """Those that are given, or new ones of a size in inches."""
    if ax is not None:
        return ax
    pyplot: Any = library("matplotlib.pyplot", "plot")
    made: Axes = pyplot.subplots(figsize=(width, max(height, 2)), layout="constrained")[1]
    return made


def plain(ax: Axes) -> Axes:
    """Without the lines that say nothing."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax
