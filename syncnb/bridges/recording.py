"""What was published, noted in the active run of MLflow."""

from __future__ import annotations

import logging
import sys
from typing import Any

from syncnb.bridges.secrets import said, shown
from syncnb.publication import Publication

log = logging.getLogger("syncnb")


def record(publication: Publication) -> bool:
    """Note a publication in the active run of MLflow, if there is one.

    MLflow is looked at only if the program imported it. What goes wrong is logged and no error,
    since the object is published by then.

    Parameters
    ----------
    publication : Publication
        Of an object that was sent.

    Returns
    -------
    bool
        Whether it was noted: as tags ``syncnb.object``, ``syncnb.version``, ... of the run, those
        of its last publication, and as the artifact ``syncnb/TYPE/ID/syncnb.json``.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     record(publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud))
    False
    """
    mlflow = sys.modules.get("mlflow")
    if mlflow is None:
        return False
    subject = f"{publication.object_type}/{publication.object_id}"
    try:
        if mlflow.active_run() is None:
            return False
        known = _record(publication)
        mlflow.set_tags(
            {"syncnb.object": subject}
            | {f"syncnb.{name}": str(known[name]) for name in _TAGS if known[name]}
        )
        mlflow.log_dict(known, f"syncnb/{subject}/syncnb.json")
    except Exception as error:  # noqa: BLE001  # a record is no reason to fail what is published
        log.warning(
            "object %s is published, but not noted in the active run of MLflow (%s)",
            subject,
            said(error, _address(mlflow)),
        )
        return False
    return True


_TAGS = ("version", "sha256", "sequence", "url")


def _record(publication: Publication) -> dict[str, Any]:
    manifest = publication.manifest
    return {
        "object_type": publication.object_type,
        "object_id": publication.object_id,
        "org_id": publication.client.org_id,
        "version": publication.version,
        "sha256": manifest.sha256,
        "size": manifest.size,
        "format": manifest.format,
        "sequence": manifest.sequence,
        "url": shown(publication.client.url),
        "published": publication.published_at.isoformat(),
    }


def _address(mlflow: Any) -> str:
    try:
        return str(mlflow.get_tracking_uri())
    except Exception:  # noqa: BLE001  # only for the log
        return ""
