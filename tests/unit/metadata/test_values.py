"""Values show themselves, survive what notebooks do to them, and become tables."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb import Destination, DestinationStatus, ObjectMetaData
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import (
    OBJECT_FIELDS,
    AclEntry,
    DestinationPolicy,
    DestinationState,
    Listing,
    ObjectState,
    ObjectStatus,
    Organization,
    PolicyProperty,
    PolicyService,
    StoredObject,
    Value,
)

EVIL = "<script>alert('x')</script>&\""
POLICY = DestinationPolicy({"family": EVIL}, [EVIL], [PolicyService("acme", EVIL)])
VALUES: list[Value] = [
    ObjectMetaData(
        object_type="model",
        object_id="m",
        description=EVIL,
        destination_policy=POLICY,
        expiration=datetime(2030, 1, 1, tzinfo=UTC),
        unknown={EVIL: EVIL},
    ),
    POLICY,
    PolicyProperty("family", EVIL),
    PolicyService("acme", EVIL),
    Destination(dest_type="edge", dest_id=EVIL),
    DestinationStatus(dest_type="edge", dest_id="n", status="error", message=EVIL),
    ObjectStatus(org_id="o", object_type="t", object_id=EVIL, status="delivered"),
    StoredObject(
        org_id="o",
        object_type="t",
        object_id=EVIL,
        destinations=(DestinationStatus(dest_type="e", dest_id="n", status="error", message=EVIL),),
    ),
    Organization(org_id=EVIL),
    AclEntry(EVIL, "aclWriter"),
]
IDS = [type(value).__name__ for value in VALUES]


class Tags(HTMLParser):
    """Which elements there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("value", VALUES, ids=IDS)
def test_value_shows_itself_as_text_and_as_html(value: Value) -> None:
    """What came from elsewhere is text, and never markup."""
    for html in (value._repr_html_(), Listing([value], of=type(value))._repr_html_()):
        tags = Tags(html)
        assert tags.open == []
        assert tags.seen <= {"div", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert repr(value).startswith(f"{type(value).__name__}(")
    assert "object at 0x" not in repr(value)


@pytest.mark.parametrize("value", VALUES, ids=IDS)
def test_value_survives_pickling_and_copying(value: Value) -> None:
    """Joblib sends them between processes."""
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301
    assert copy.deepcopy(value) == value
    there = Listing([value], of=type(value))
    again = pickle.loads(pickle.dumps(there))  # noqa: S301
    assert again == there
    pd.testing.assert_frame_equal(again.to_pandas(), there.to_pandas())


def test_values_can_be_put_into_sets() -> None:
    """To compare what was there with what is there."""
    nodes = {Destination(dest_type="edge", dest_id=i) for i in ("a", "b", "a")}
    assert len(nodes) == 2
    assert len({VALUES[0], copy.deepcopy(VALUES[0])}) == 1


@pytest.mark.parametrize("value", VALUES, ids=IDS)
def test_empty_list_becomes_a_table_of_the_same_form(value: Value) -> None:
    """So that what is written for a full one works."""
    full = Listing([value], of=type(value)).to_pandas()
    empty = Listing([], of=type(value)).to_pandas()
    assert (len(full), len(empty)) == (1, 0)
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()


def test_table_of_metadata_has_types_to_work_with() -> None:
    """Times are times, numbers are numbers beyond 2^53, and texts are texts."""
    big = 2**60 + 1
    metas = [
        ObjectMetaData(object_type="t", object_id="a", instance_id=big),
        ObjectMetaData(object_type="t", object_id="b", expiration=datetime(2030, 1, 1, tzinfo=UTC)),
    ]
    frame = Listing(metas, of=ObjectMetaData).to_pandas()
    assert frame["instance_id"].tolist() == [big, 0]
    assert frame["expiration"].isna().tolist() == [True, False]
    assert frame["expiration"].dt.year[1] == 2030
    assert str(frame["object_id"].dtype) == "str"
    assert "unknown" not in frame


def test_list_is_a_list() -> None:
    """For whoever expects one."""
    metas = [ObjectMetaData(object_type="t", object_id=str(i)) for i in range(100)]
    listing = Listing(metas, of=ObjectMetaData)
    assert isinstance(listing, list)
    assert listing == metas
    assert listing[0] == metas[0]
    assert "and 40 more" in repr(listing)
    assert "and 40 more" in listing._repr_html_()
    assert repr(Listing([], of=ObjectMetaData)) == "[]"


def test_pandas_is_loaded_by_who_wants_a_table() -> None:
    """An edge node need not have it."""
    code = (
        "import sys; from syncnb.metadata import *; l = Listing(['a'], of='x'); "
        "repr(l), l._repr_html_(); assert 'pandas' not in sys.modules; "
        "sys.modules['pandas'] = None\n"
        "try: l.to_pandas()\n"
        "except ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "syncnb[notebook]" in done.stdout


def test_status_words_are_texts_also_those_of_tomorrow() -> None:
    """Equal to what the service writes."""
    assert ObjectState("ready") is ObjectState.READY
    assert f"{ObjectState.CONSUMED}" == "objconsumed"
    new = DestinationState("teleported")
    assert (new, repr(new), f"{new}") == ("teleported", "'teleported'", "teleported")
    assert {str(new): 1}[new] == 1
    assert pickle.loads(pickle.dumps(new)) == new  # noqa: S301
    assert new not in list(DestinationState)
    assert DestinationStatus(dest_type="e", dest_id="n", status="teleported").status == new


def test_times_are_kept_as_they_travel() -> None:
    """In UTC and whole seconds, so that what is read back is equal."""
    moment = datetime(2030, 1, 1, 2, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    meta = ObjectMetaData(object_type="t", object_id="a", expiration=moment)
    assert meta.expiration == datetime(2030, 1, 1, tzinfo=UTC)
    assert meta.to_json()["expiration"] == "2030-01-01T00:00:00Z"
    assert ObjectMetaData.from_json(meta.to_json()) == meta
    stamp = ObjectMetaData(object_type="t", object_id="a", expiration=pd.Timestamp(moment))
    assert stamp == meta
    for wrong in ("2030-01-01", pd.NaT, datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))):
        with pytest.raises(InvalidMetaDataError, match="expiration"):
            ObjectMetaData(object_type="t", object_id="a", expiration=wrong)  # type: ignore[arg-type]


def test_text_that_is_no_time_is_not_lost() -> None:
    """Services take any where it has no effect."""
    wire = {"objectType": "t", "objectID": "a", "activationTime": "tomorrow"}
    meta = ObjectMetaData.from_json(wire)
    assert meta.activation_time is None
    assert meta.for_update(version="2").to_json()["activationTime"] == "tomorrow"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(JSON)
def test_policy_survives_the_round_trip_with_what_is_new_in_it(new: Any) -> None:
    """At each of its levels."""
    wire = {
        "properties": [{"name": "a", "value": new, "type": "", "new": new}],
        "constraints": ["x == 1"],
        "services": [
            {"orgID": "o", "arch": "*", "serviceName": "s", "version": "1", "new": new},
        ],
        "timestamp": 5,
        "new": new,
    }
    assert DestinationPolicy.from_json(wire).to_json() == wire
    meta = ObjectMetaData.from_json(
        {"objectType": "t", "objectID": "a", "destinationPolicy": wire, "new": new}
    )
    sent = meta.for_update(version="2").to_json()
    assert sent["new"] == new
    assert sent["destinationPolicy"] == {k: v for k, v in wire.items() if k != "timestamp"}


@given(st.sampled_from([json for _, json, _ in OBJECT_FIELDS]), JSON)
def test_member_of_another_type_is_an_error_or_read(member: str, value: Any) -> None:
    """And no accident."""
    wire = {"objectType": "t", "objectID": "a", member: value}
    try:
        read = ObjectMetaData.from_json(wire)
    except InvalidMetaDataError:
        return
    assert ObjectMetaData.from_json(read.to_json()) == read


def test_nodes_can_be_given_as_they_were_listed() -> None:
    """What `get_destinations` returns is what `destinations_list` takes."""
    nodes = [Destination(dest_type="edge", dest_id="n1")]
    meta = ObjectMetaData(object_type="t", object_id="a", destinations_list=nodes)  # type: ignore[arg-type]
    assert meta.check().to_json()["destinationsList"] == ["edge:n1"]
    with pytest.raises(InvalidMetaDataError, match="list of texts"):
        ObjectMetaData(object_type="t", object_id="a", destinations_list="edge:n1").check()


@pytest.mark.parametrize(
    ("written", "field", "remedy"),
    [
        ({"constrains": ["gpu == true"]}, "constrains", "Perhaps constraints is meant"),
        ({"nodes": ["edge:a"]}, "nodes", "It may have properties, constraints, services"),
        ({"services": [{"orgId": "acme"}]}, "services.orgId", "Perhaps orgID is meant"),
        ({"properties": [{"nam": "a"}]}, "properties.nam", "Perhaps name is meant"),
        ({"properties": {"a": 1}}, "properties", "DestinationPolicy(properties={...})"),
        ({"constraints": "gpu == true"}, "constraints", "array of strings"),
    ],
)
def test_written_policy_with_a_mistake_is_refused(
    written: dict[str, Any], field: str, remedy: str
) -> None:
    """Without the constraints that were meant, the object could go anywhere."""
    with pytest.raises(InvalidMetaDataError) as caught:
        ObjectMetaData(object_type="model", object_id="m", destination_policy=written)  # type: ignore[arg-type]  # its JSON form
    assert caught.value.field == f"destination_policy.{field}"
    assert remedy in str(caught.value)


def test_policy_of_a_newer_service_keeps_what_is_unknown() -> None:
    """It is sent back as it came."""
    policy = {"constraints": ["gpu == true"], "newer": 1, "services": [{"orgID": "a", "newer": 2}]}
    wire = {"objectType": "model", "objectID": "m", "destinationPolicy": policy}
    sent = ObjectMetaData.from_json(wire).to_json()["destinationPolicy"]
    assert sent["newer"] == 1
    assert sent["services"][0]["newer"] == 2
