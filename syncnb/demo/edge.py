"""The edge program of the demonstration: ``python -m syncnb.demo.edge NUMBER OF``.

All it knows of the sync service is `updates` and `report`.
"""

from __future__ import annotations

import sys
import time

from syncnb import report, updates
from syncnb.demo.digits import seen_by


def main(number: int, of: int) -> None:
    """Score every model that arrives on this node's share of the images, and report how it did."""
    images, digits = seen_by(number, of)
    for update in updates("model"):
        with update:
            if update.deleted:
                continue
            model = update.load()
            started = time.perf_counter()
            accuracy = model.score(images, digits)
            seconds = time.perf_counter() - started
            report(
                {
                    "model": update.name,
                    "version": update.version,
                    "images": len(images),
                    "accuracy": round(float(accuracy), 4),
                    "ms_per_image": round(1000 * seconds / len(images), 4),
                },
                "stats",
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
