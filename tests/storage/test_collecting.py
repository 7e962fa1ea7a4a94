"""Reports, collected from a service whose records are in PostgreSQL and whose data are in S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from syncnb import StatisticsTable, collect, report

from .conftest import Operator, Storage, application_at, client_of

WaitUntil = Callable[..., None]


def test_reports_are_collected_and_acknowledged_together(
    operator: Operator,
    storage_of: Callable[[str], Storage],
    tmp_path: Path,
    wait_until: WaitUntil,
) -> None:
    """By the calls for many objects: small ones come with the list, and large ones by themselves."""
    css = operator.css(storage_of("postgres-s3"))
    node = operator.ess(css.url)
    with client_of(css) as cloud, application_at(node) as edge:
        for number in range(30):
            report({"number": number}, "few", client=edge)
        report([{"number": number, "text": "x" * 100} for number in range(20_000)], "many",
               client=edge)  # fmt: skip

        def have_come() -> bool:
            few, many = (cloud.get_updated_objects(t, received=True) for t in ("few", "many"))
            return len(few) == 30 and len(many) == 1

        wait_until(have_come, timeout=60)
        few = collect("few", client=cloud)
        assert sorted(few["number"]) == list(range(30))
        table = StatisticsTable(tmp_path / "table")
        assert table.update("many", client=cloud).rows == 20_000
        assert sorted(table.read(["number"])["number"]) == list(range(20_000))
        for object_type in ("few", "many"):
            assert cloud.get_updated_objects(object_type, received=True) == []
        assert cloud._has_bulk
