"""An edge node's large object on its way to the cloud, while the cloud is killed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from syncnb import LocalFleet, ObjectMetaData

WaitUntil = Callable[..., None]


def test_upload_of_a_node_survives_kills_of_the_cloud(wait_until: WaitUntil) -> None:
    """60 MB in chunks; every kill costs at most the chunk that was under way."""
    data = random.Random(1).randbytes(60_000_000)
    with LocalFleet(nodes=1) as fleet:
        cloud, node = fleet.cloud, fleet.node("node1")
        for number in range(3):
            meta = ObjectMetaData(object_type="log", object_id=f"big{number}")
            node.update_object(meta)
            node.update_object_data(meta, data)
            for _ in range(2):
                time.sleep(random.uniform(0, 0.3))  # the moment itself is what is random here
                fleet.kill("cloud")
                fleet.restart("cloud")
            wait_until(
                lambda n=number: (
                    [m.object_id for m in cloud.get_updated_objects("log")] == [f"big{n}"]
                ),
                timeout=60,
                show=lambda: cloud.get_objects("log"),
            )
            (arrived,) = cloud.get_updated_objects("log")
            assert cloud.read_object_data(arrived) == data
            cloud.mark_object_consumed(arrived)
            wait_until(
                lambda n=number: node.get_object_status("log", f"big{n}") == "consumedByDest"
            )
