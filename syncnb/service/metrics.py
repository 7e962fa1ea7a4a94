"""Prometheus metrics of one service; none of them names an organisation, a node or an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from syncnb.service.config import ServiceConfig
from syncnb.service.health import LINK_STATES, LinkHealth
from syncnb.service.store import StoreError, Totals
from syncnb.version import __version__

_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_WRITES = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Route:
    """The children of the metrics that one method on one route counts with."""

    seconds: Histogram
    received: Counter
    sent: Counter


class Metrics:
    """Counts what one service does.

    Parameters
    ----------
    config : ServiceConfig
        Of the service.
    link : LinkHealth
        Of the same service; shown on an ESS only.
    """

    def __init__(self, config: ServiceConfig, link: LinkHealth) -> None:
        registry = self._registry = CollectorRegistry()
        names = ("route", "method")
        self._requests = Counter(
            "syncnb_http_requests", "Requests answered", (*names, "status"), registry=registry
        )
        self._seconds = Histogram(
            "syncnb_http_request_seconds",
            "From the head of a request to the end of its answer, except calls that waited",
            names,
            buckets=_SECONDS,
            registry=registry,
        )
        self._received = Counter(
            "syncnb_http_received_bytes", "Bytes of bodies received", names, registry=registry
        )
        self._sent = Counter(
            "syncnb_http_sent_bytes", "Bytes of bodies sent", names, registry=registry
        )
        self.running = Gauge(
            "syncnb_http_requests_running", "Requests under way", registry=registry
        )
        self.waiting = Gauge(
            "syncnb_http_requests_waiting",
            "Requests under way that prefer to wait for news (Prefer: wait)",
            registry=registry,
        )
        self._store_seconds = Histogram(
            "syncnb_store_seconds",
            "Reads and commits of the database",
            ("operation",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._reads = self._store_seconds.labels("read")
        self._commits = self._store_seconds.labels("commit")
        self._writes = Histogram(
            "syncnb_store_commit_writes",
            "Writes that shared a commit",
            buckets=_WRITES,
            registry=registry,
        )
        failures = Counter(
            "syncnb_store_failures",
            "Reads and commits that the database failed at",
            ("operation",),
            registry=registry,
        )
        self._failures = {name: failures.labels(name) for name in ("read", "commit")}
        calls = Counter(
            "syncnb_webhook_calls",
            "Calls of webhooks that have ended: taken, to be repeated, or given up",
            ("result",),
            registry=registry,
        )
        self.webhook_calls = {name: calls.labels(name) for name in ("taken", "failed", "given_up")}
        if config.role == "ess":
            carried = Counter(
                "syncnb_link_bytes",
                "Bytes of bodies that a node exchanged with its CSS",
                ("direction",),
                registry=registry,
            )
            self.link_sent, self.link_received = carried.labels("sent"), carried.labels("received")
            registry.register(_LinkCollector(link))
        info = Gauge("syncnb_service", "1", ("role", "version"), registry=registry)
        info.labels(config.role, __version__).set(1)
        self._totals = _TotalsCollector(is_css=config.role == "css")
        registry.register(self._totals)
        ProcessCollector(registry=registry)
        self._routes: dict[tuple[str, str], Route] = {}

    def on_read(self, seconds: float, error: StoreError | None) -> None:
        """A read of the database has ended."""
        self._reads.observe(seconds)
        if error is not None:
            self._failures["read"].inc()

    def on_commit(self, writes: int, seconds: float, error: StoreError | None) -> None:
        """A transaction of the database has ended."""
        self._commits.observe(seconds)
        if error is not None:
            self._failures["commit"].inc()
        else:
            self._writes.observe(writes)

    def answered(
        self,
        route: str,
        method: str,
        status: int,
        *,
        seconds: float | None,
        received: int,
        sent: int,
    ) -> None:
        """A request was answered.

        Parameters
        ----------
        route : str
            Template of its path.
        seconds : float or None
            How long it took; None if the caller wanted to wait.
        received, sent : int
            Bytes of the two bodies.
        """
        known = self._routes.get((route, method))
        if known is None:
            labels = (route, method)
            known = self._routes[labels] = Route(
                self._seconds.labels(*labels),
                self._received.labels(*labels),
                self._sent.labels(*labels),
            )
        self._requests.labels(route, method, str(status)).inc()
        if seconds is not None:
            known.seconds.observe(seconds)
        if received:
            known.received.inc(received)
        if sent:
            known.sent.inc(sent)

    def exposition(self, totals: Totals | None) -> bytes:
        """Everything, in the text format of Prometheus, version 0.0.4.

        Parameters
        ----------
        totals : Totals or None
            What is stored; None if the database did not say.
        """
        self._totals.totals = totals
        return generate_latest(_WithoutBirthdays(self._registry))


class _WithoutBirthdays(Collector):
    """A registry without the ``_created`` series that stand beside every counter."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric


class _TotalsCollector(Collector):
    """What is stored, as it was just read."""

    def __init__(self, *, is_css: bool) -> None:
        self._is_css = is_css
        self.totals: Totals | None = Totals()

    def collect(self) -> Iterator[Metric]:
        """The numbers of rows."""
        totals = self.totals
        up = GaugeMetricFamily("syncnb_store_up", "Whether the database answers")
        up.add_metric((), float(totals is not None))
        yield up
        if totals is None:
            return
        yield _by("syncnb_objects", "Objects by status", "status", totals.objects)
        yield _by(
            "syncnb_notices",
            "What one side of the link still has to tell the other, or has told it, by state",
            "state",
            totals.notices,
        )
        yield _one("syncnb_contents", "Different data that are stored", totals.contents)
        yield _one("syncnb_content_bytes", "Their bytes", totals.content_bytes)
        yield _one(
            "syncnb_webhook_calls_pending",
            "Calls of webhooks that were not answered yet",
            totals.webhook_calls,
        )
        if self._is_css:
            yield _one("syncnb_nodes", "Registered nodes", totals.nodes)
            yield _by(
                "syncnb_deliveries",
                "Destinations of objects, by how far the object got there",
                "status",
                totals.deliveries,
            )


class _LinkCollector(Collector):
    """The link of a node, as it is now."""

    def __init__(self, link: LinkHealth) -> None:
        self._link = link

    def collect(self) -> Iterator[Metric]:
        """State and downloads."""
        states = {state: int(state == self._link.state) for state in LINK_STATES}
        yield _by("syncnb_link_state", "1 for the state of the link to the CSS", "state", states)
        yield _one(
            "syncnb_downloads_running",
            "Downloads that are under way or pause before their next try",
            self._link.downloads,
        )


def _one(name: str, what: str, value: int) -> Metric:
    return GaugeMetricFamily(name, what, value)


def _by(name: str, what: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family
