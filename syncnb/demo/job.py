"""The job itself; `run` does it and says what came of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncnb.demo.digits import training
from syncnb.errors import FleetError, WaitTimeoutError
from syncnb.fleet import LocalFleet
from syncnb.publication import Publication
from syncnb.publishing import publish_model
from syncnb.statistics import collect
from syncnb.widgets import drawn

if TYPE_CHECKING:
    import pandas as pd

Say = Callable[[str], None]
_TIMEOUT = 60.0  # seconds for one version on three nodes; more nodes get more


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Parameters
    ----------
    nodes : int
        How many nodes there were.
    consumed : dict of str to int
        Version -> nodes that consumed it.
    versions : dict of str to str
        Node -> version that it runs.
    reports : pandas.DataFrame
        What the nodes reported.
    seconds : float
        How long all of it took.
    """

    nodes: int
    consumed: dict[str, int]
    versions: dict[str, str]
    reports: pd.DataFrame
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """For a machine; `rows` is the number of reported rows."""
        accuracy = self.reports.groupby("version")["accuracy"].mean().round(4)
        return {
            "nodes": self.nodes,
            "consumed": self.consumed,
            "rows": len(self.reports),
            "versions": self.versions,
            "accuracy": accuracy.to_dict(),
            "seconds": round(self.seconds, 2),
        }


def run(nodes: int, *, say: Say, live: bool) -> Outcome:
    """Train two models, roll them out one after the other, and collect what the nodes say.

    Parameters
    ----------
    nodes : int
        How many.
    say : callable
        Takes each line for the reader.
    live : bool
        Whether to draw the table while it changes, in the terminal.

    Returns
    -------
    Outcome
        Everything has ended by then.

    Raises
    ------
    WaitTimeoutError, FleetError
        A node did not get there, or a program ended.
    """
    import pandas as pd

    started = time.monotonic()
    say(f"Starting a Cloud Sync Service and {nodes} edge nodes, a process each ...")
    with LocalFleet(nodes=nodes) as fleet:
        say("Starting an edge program beside each node: updates() -> model.score() -> report() ...")
        programs = [
            fleet.run(name, "-m", "syncnb.demo.edge", str(number), str(nodes))
            for number, name in enumerate(fleet.nodes)
        ]
        consumed: dict[str, int] = {}
        reports = []
        for version, (model, words) in _models().items():
            say(f"\nPublishing digits {version}, {words}, to every node of type 'edge':")
            publication = publish_model(
                model,
                name="digits",
                version=version,
                dest_type=fleet.node_type,
                description=words,
                example=training()[0][:5],
                client=fleet.cloud,
            )
            _wait(publication, programs, nodes, live=live)
            say("" if live else repr(publication))
            status = publication.status()["status"]
            consumed[version] = int((status == "consumed").sum())
            found = collect("stats", client=fleet.cloud, timeout=_TIMEOUT, min_rows=nodes)
            reports.append(found)
            say(f"What the nodes reported about {version}:")
            say(_table(found))
    frame = pd.concat(reports, ignore_index=True)
    last = frame.sort_values("reported_at").groupby("node")["version"].last()
    versions = {str(node): str(version) for node, version in last.items()}
    outcome = Outcome(nodes, consumed, versions, frame, time.monotonic() - started)
    say("\nWhich node runs which version now:")
    say(last.rename_axis("node").rename("runs").reset_index().to_string(index=False))
    means = frame.groupby("version")["accuracy"].mean()
    said = ", ".join(f"{version}: {mean:.1%}" for version, mean in means.items())
    say(f"\nMean accuracy on the nodes: {said}.  {outcome.seconds:.1f} s in all.")
    return outcome


def _models() -> dict[str, tuple[Any, str]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    images, digits = training()
    first = LogisticRegression(max_iter=300).fit(images[:60], digits[:60])
    better = make_pipeline(StandardScaler(), SVC(C=10.0, gamma=0.005)).fit(images, digits)
    return {
        "1.0.0": (first, "a logistic regression that saw 60 images"),
        "1.1.0": (better, "a support vector machine that saw 1,200 images"),
    }


def _wait(
    publication: Publication,
    programs: list[subprocess.Popen[bytes]],
    nodes: int,
    *,
    live: bool,
) -> None:
    deadline = time.monotonic() + _TIMEOUT * max(1.0, nodes / 3)
    with drawn(publication, live=live):
        while True:
            try:
                publication.wait("consumed", timeout=1.0, nodes=nodes)
                return
            except WaitTimeoutError:
                ended = [p for p in programs if p.poll() is not None]
                if ended:
                    code = ended[0].returncode
                    raise FleetError("an edge program", f"ended with code {code}") from None
                if time.monotonic() > deadline:
                    raise


def _table(frame: pd.DataFrame) -> str:
    shown = frame[["node", "version", "images", "accuracy", "ms_per_image"]]
    return shown.sort_values("node").to_string(index=False)
