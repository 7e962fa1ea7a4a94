"""The wire types keep what they are given, and refuse what cannot be carried."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb import ObjectMetaData, errors
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import OBJECT_FIELDS, check_name

GOOD: dict[str, Any] = {"object_type": "model", "object_id": "defects"}
_VALUES = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(max_size=20),
    type(None): st.none(),
}


@given(
    st.fixed_dictionaries(
        {
            json: _VALUES[type(default)]
            for _, json, default in OBJECT_FIELDS
            if json not in ("expiration", "activationTime")
        }
    )
)
def test_metadata_survive_the_round_trip(wire: dict[str, Any]) -> None:
    """Also fields of a newer service, and integers beyond 2^53."""
    wire["aNewField"] = {"kept": [1, 2]}
    sent = ObjectMetaData.from_json(wire).to_json()
    defaults = {json: default for _, json, default in OBJECT_FIELDS}
    assert {**defaults, **sent} == {**defaults, **wire}


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        pytest.param("object_id", "", "give it a name", id="empty-id"),
        pytest.param("object_id", "a/b", "use only letters", id="slash"),
        pytest.param("object_id", "my model", "use only letters", id="space"),
        pytest.param("object_type", "a..b", "without '..'", id="dots"),
        pytest.param("object_type", "a#b", "use only letters", id="accepted-but-never-delivered"),
        pytest.param("version", "1.0+cpu", "use only letters", id="version"),
        pytest.param("dest_id", "node1", "give the dest_type as well", id="id-without-type"),
        pytest.param("destinations_list", ["node1"], "'type:id'", id="destination"),
        pytest.param("description", "a <b> tag", "leave out", id="tag"),
    ],
)
def test_bad_metadata_are_refused_before_anything_is_sent(
    field: str, value: object, remedy: str
) -> None:
    """The error names the field, the value and the remedy."""
    with pytest.raises(InvalidMetaDataError, match=f"(?i){remedy}") as caught:
        ObjectMetaData(**(GOOD | {field: value})).check()
    assert caught.value.field in (field, "destinations_list")
    assert repr(value)[:70] in str(caught.value) or field == "destinations_list"


def test_time_without_a_zone_is_refused() -> None:
    """Services compare times as text in UTC."""
    with pytest.raises(InvalidMetaDataError, match="Add a time zone"):
        ObjectMetaData(**GOOD, expiration=datetime(2030, 1, 1))  # noqa: DTZ001
    meta = ObjectMetaData(**GOOD, expiration=datetime(2030, 1, 1, tzinfo=UTC))
    assert meta.to_json()["expiration"] == "2030-01-01T00:00:00Z"


def test_update_does_not_send_back_what_the_service_set() -> None:
    """A get-modify-update keeps the rest."""
    stored = ObjectMetaData(**GOOD, instance_id=5, owner_id="acme/me", version="1", meta_only=True)
    assert stored.for_update(version="2") == ObjectMetaData(**GOOD, version="2")


@given(st.text(max_size=12))
def test_names_that_pass_can_be_carried(name: str) -> None:
    """Whatever is accepted holds only what both sides accept (rest-api.md 1.5, sync-http.md 2.3)."""
    try:
        check_name("name", name)
    except InvalidMetaDataError:
        return
    assert name
    assert not set(name) & set("/\\ !#$^*|~%?<>&\n")
    assert ".." not in name


ERRORS = [
    errors.SettingsError("url", "it is missing", "set it"),
    errors.InvalidMetaDataError("name", "a/b", "use letters"),
    errors.WrongSideError("resend", "ESS"),
    errors.ConnectionFailedError("http://x", "refused"),
    errors.ServiceTimeoutError("http://x", "timed out"),
    errors.CertificateError("https://x", "it is for y", remedy="Give ca=.", call="get on a"),
    errors.AccessDeniedError(
        403, "get", "object a/b", "Unauthorized", method="GET", url="http://x"
    ),
    errors.AnswerError(200, "get", "object a/b", "it is not JSON", key="me"),
    errors.RedirectedError(307, "get", "object a/b", "it names http://y", remedy="Go there."),
    errors.ObjectNotFoundError(404, "get", "object a/b"),
    errors.RequestRefusedError(400, "get", "object a/b", "no"),
    errors.ServiceUnavailableError(503, "get", "object a/b", retry_after=7.0),
    errors.StorageFullError(507, "put", "object a/b"),
    errors.TransferBrokenError("object a/b", 5, 10, "reset"),
    errors.WaitTimeoutError("model/x 1", "consumed", 5.0, ["edge/n1: delivered"]),
    errors.DigestMismatchError("object a/b", "0" * 64, "1" * 64),
    errors.ObjectReplacedError("object a/b", 7, 8),
    errors.InvalidManifestError("object a/b", "it is broken", "publish it again"),
    errors.UntrustedDataError("object a/b", "it holds code", "trust it"),
    errors.UnknownKeyError("object a/b", "ab" * 32),
    errors.SignatureError("object a/b", "it does not fit", "publish it again"),
    errors.ReplayedError("object a/b", "it is old", "publish it again"),
    errors.ExpiredError("object a/b", "it expired", "publish it again"),
    errors.LoadError("object a/b", "it is broken", "publish it again"),
    errors.SelfCheckError("object a/b", "it predicts 1", "publish it again"),
    errors.VersionExistsError("object a/b", "1.2.0"),
    errors.ArchiveError("object a/b", "it is not there", "publish it again"),
    errors.NotReadyError("object a/b", 5.0, "it is broken"),
    errors.PreconditionFailedError(412, "put", "object a/b"),
    errors.NoCodecError("a set", "no codec", "save it"),
    errors.UnfittedModelError("this SVC", "it is not fitted", "fit it"),
    errors.MissingDependencyError("pandas", "collect", "notebook"),
    errors.FleetError("node1", "died", "boom"),
    errors.TableError("the table x", "it is full", "make room"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_errors_survive_pickling(error: errors.SyncError) -> None:
    """Joblib and multiprocessing send them between processes."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_every_error_is_in_that_list() -> None:
    """A new one cannot slip by."""
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.SyncError)
    }
    bases = {errors.SyncError, errors.ServiceError, errors.DataError, errors.ModelError}
    assert {type(error) for error in ERRORS} == kinds - bases
