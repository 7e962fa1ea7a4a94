"""A table in an S3-compatible store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncnb import LocalFleet, StatisticsTable
from syncnb.errors import SettingsError, TableError
from syncnb.statistics.table.s3_place import S3Place
from tests.conftest import WaitUntil
from tests.servers import S3Server

from .nodes import send_lines, send_stream, waiting


def test_table_in_s3_does_what_one_in_a_folder_does(
    fleet: LocalFleet, s3: S3Server, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    """Update, set aside, grow, compact, read; and one updater of two is first."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    kind, node, url = "bucket", fleet.node("node1"), s3.new_bucket()
    table = StatisticsTable(url)
    assert table.read().empty
    send_stream(node, kind, "s", 1, [1, 2])
    send_lines(node, kind, "z.odd", [{"value": "text"}])
    wait_until(lambda: len(waiting(fleet, kind)) == 2)
    done = table.update(kind, client=fleet.cloud)
    assert (done.rows, done.set_aside) == (2, 1)
    send_lines(node, kind, "bucket.more", [{"value": 0.5, "note": "new"}])
    wait_until(lambda: waiting(fleet, kind) != set())
    assert StatisticsTable(url).update(kind, client=fleet.cloud).rows == 1
    assert sorted(table.read()["value"]) == [0.5, 1.0, 2.0]
    assert table.compact() == 0  # a copy that was held up may still come
    assert StatisticsTable(S3Place(url, timedelta(0))).compact() == 2
    assert table.dataset().count_rows() == 3
    assert len(table.dataset().files) == 1
    assert table.info().files == 1
    assert table.info().set_aside == 1
    place = S3Place(url)
    assert not place.create("_log/00000001.json", b"another")
    assert not place.names("_staged")
    assert sorted(one.name.rsplit("/", 1)[1] for one in place.names(
        f"_set_aside/{table.info().reasons[0]['key']}")) == ["about.json", "data"]  # fmt: skip


def test_bucket_that_is_not_there_is_named_without_a_secret(
    fleet: LocalFleet, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to check."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        StatisticsTable("s3://")
    table = StatisticsTable("s3://nowhere/at-all")
    with pytest.raises(TableError, match="s3://nowhere/at-all") as caught:
        table.update("stats", client=fleet.cloud)
    assert "AWS_ENDPOINT_URL" in str(caught.value)
    assert s3.environment["AWS_SECRET_ACCESS_KEY"] not in str(caught.value) + repr(table)
