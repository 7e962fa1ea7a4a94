"""Waking those who wait: a commit names topics, and requests listen to them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from syncnb.service.store import Topic


class Signals:
    """Topics and who listens to them, on one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[Topic, dict[asyncio.Event, None]] = defaultdict(dict)
        self.stopping = False

    @contextmanager
    def listen(self, *topics: Topic) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of `topics` changes, while the block lasts."""
        bell = asyncio.Event()
        for topic in topics:
            self._listeners[topic][bell] = None
        try:
            yield bell
        finally:
            for topic in topics:
                self._listeners[topic].pop(bell, None)
                if not self._listeners[topic]:
                    del self._listeners[topic]

    def notify(self, topics: Iterable[Topic]) -> None:
        """Wake everybody who listens to one of `topics`."""
        for topic in sorted(topics):  # in the same order every time, so that a test can repeat it
            for bell in self._listeners.get(topic, ()):
                bell.set()

    def notify_all(self) -> None:
        """Wake everybody: something changed, and it is not known what."""
        self.notify(self._listeners)

    def stop(self) -> None:
        """Wake everybody: the service stops."""
        self.stopping = True
        self.notify_all()
