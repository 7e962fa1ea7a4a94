"""The tables, as a history: each migration and the record that it ran commit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from syncnb.service.store.backend import Connection
from syncnb.service.store.records import Key
from syncnb.service.store.transaction import Transaction

Types = Mapping[str, str]
_OBJECT = """org {text} NOT NULL, object_type {text} NOT NULL, object_id {text} NOT NULL"""
_NODE = """dest_type {text} NOT NULL, dest_id {text} NOT NULL"""

_0001 = f"""
CREATE TABLE objects (
    {_OBJECT},
    status {{text}} NOT NULL, sender INTEGER NOT NULL, meta {{text}} NOT NULL, blob {{text}},
    receivers_left BIGINT NOT NULL, consumers_left BIGINT NOT NULL,
    partial {{text}}, ranges {{text}} NOT NULL,
    PRIMARY KEY (org, object_type, object_id)
);
CREATE INDEX objects_by_status ON objects (org, object_type, status);
CREATE TABLE deliveries (
    {_OBJECT}, {_NODE},
    status {{text}} NOT NULL, message {{text}} NOT NULL,
    PRIMARY KEY (org, object_type, object_id, dest_type, dest_id)
);
CREATE INDEX deliveries_by_node ON deliveries (org, dest_type, dest_id);
CREATE TABLE notices (
    {_OBJECT}, {_NODE},
    state {{text}} NOT NULL, instance_id BIGINT NOT NULL, data_id BIGINT NOT NULL,
    resend_at {{float}} NOT NULL,
    PRIMARY KEY (org, object_type, object_id, dest_type, dest_id)
);
CREATE INDEX notices_by_node ON notices (org, dest_type, dest_id, state);
CREATE INDEX notices_by_time ON notices (state, resend_at);
CREATE TABLE destinations (
    org {{text}} NOT NULL, {_NODE},
    persistent INTEGER NOT NULL, last_contact {{float}} NOT NULL,
    communication {{text}} NOT NULL, code_version {{text}} NOT NULL,
    PRIMARY KEY (org, dest_type, dest_id)
);
CREATE TABLE organizations (org {{text}} NOT NULL PRIMARY KEY, address {{text}} NOT NULL);
CREATE TABLE counters (name {{text}} NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
"""

_0002 = """
CREATE TABLE contents (
    blob {text} NOT NULL PRIMARY KEY, size BIGINT NOT NULL, file {text}, content {bytes}
);
CREATE INDEX contents_by_file ON contents (file);
ALTER TABLE objects ADD COLUMN policy_received INTEGER NOT NULL DEFAULT 0;
ALTER TABLE objects ADD COLUMN removed_services {text} NOT NULL DEFAULT '[]';
ALTER TABLE objects ADD COLUMN due_at {float};
ALTER TABLE objects ADD COLUMN policy_at BIGINT;
ALTER TABLE objects ADD COLUMN dest_type {text} NOT NULL DEFAULT '';
ALTER TABLE objects ADD COLUMN dest_id {text} NOT NULL DEFAULT '';
CREATE INDEX objects_by_blob ON objects (blob);
CREATE INDEX objects_by_time ON objects (due_at);
CREATE INDEX objects_by_destination ON objects (org, dest_type, dest_id);
CREATE INDEX objects_by_policy ON objects (org, policy_at);
CREATE TABLE acls (
    org {text} NOT NULL, kind {text} NOT NULL, acl_key {text} NOT NULL,
    username {text} NOT NULL, user_type {text} NOT NULL, role {text} NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (org, kind, acl_key, username, user_type)
);
CREATE TABLE webhooks (
    org {text} NOT NULL, object_type {text} NOT NULL, url {text} NOT NULL,
    PRIMARY KEY (org, object_type, url)
);
CREATE TABLE webhook_calls (
    call_id BIGINT NOT NULL PRIMARY KEY, receiver {text} NOT NULL, url {text} NOT NULL,
    body {text} NOT NULL, tries BIGINT NOT NULL, due_at {float} NOT NULL
);
CREATE INDEX webhook_calls_by_receiver ON webhook_calls (receiver, due_at);
CREATE INDEX webhook_calls_by_time ON webhook_calls (due_at);
ALTER TABLE destinations ADD COLUMN distrusted INTEGER NOT NULL DEFAULT 0;
CREATE TABLE timers (name {text} NOT NULL PRIMARY KEY, due_at {float} NOT NULL);
"""
_OF_AN_OBJECT = ("org", "object_type", "object_id")
_OF_A_NODE = ("dest_type", "dest_id")
TABLES: Mapping[str, tuple[str, ...]] = {  # and what tells their rows apart
    "objects": _OF_AN_OBJECT,
    "deliveries": (*_OF_AN_OBJECT, *_OF_A_NODE),
    "notices": (*_OF_AN_OBJECT, *_OF_A_NODE),
    "destinations": ("org", *_OF_A_NODE),
    "organizations": ("org",),
    "counters": ("name",),
    "contents": ("blob",),
    "acls": ("org", "kind", "acl_key", "username", "user_type"),
    "webhooks": ("org", "object_type", "url"),
    "webhook_calls": ("call_id",),
    "timers": ("name",),
}


def _create(connection: Connection, types: Types) -> None:
    _run(connection, types, _0001)


def _share_contents(connection: Connection, types: Types) -> None:
    """Data get a table of their own; files of before keep their names as digests."""
    _run(connection, types, _0002)
    rows = connection.execute("SELECT org, object_type, object_id, meta, blob FROM objects", {})
    for *name, meta, blob in rows.fetchall():
        if blob is not None:
            connection.execute(
                "INSERT INTO contents (blob, size, file) VALUES (:blob, :size, :blob) "
                "ON CONFLICT (blob) DO NOTHING",
                {"blob": blob, "size": msgspec.json.decode(meta)["objectSize"]},
            )
        tx = Transaction(connection.execute)
        record = tx.object(Key(*name))
        if record is not None:
            tx.put_object(record)  # fills the new columns


Migration = tuple[str, Callable[[Connection, Types], None]]

MIGRATIONS: tuple[Migration, ...] = (
    ("0001 objects, deliveries, notices, destinations, organizations", _create),
    ("0002 contents, access lists, webhooks, timers", _share_contents),
)


def migrate(connection: Connection, types: Types) -> None:
    """Bring a database of any released version to this one.

    Parameters
    ----------
    connection : Connection
        Outside a transaction.
    types : mapping
        What the database calls the types of the columns.

    Raises
    ------
    StoreError
        The database failed; it is as it was.
    """
    connection.begin(write=True)
    try:
        run_migrations(connection, types, MIGRATIONS)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def run_migrations(connection: Connection, types: Types, migrations: Sequence[Migration]) -> None:
    """Run those that have not run yet, in a transaction of the caller's."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT NOT NULL PRIMARY KEY)", {})
    done = {row[0] for row in connection.execute("SELECT name FROM migrations", {}).fetchall()}
    for name, change in migrations:
        if name not in done:
            change(connection, types)
            connection.execute("INSERT INTO migrations (name) VALUES (:name)", {"name": name})


def migrations_of(connection: Connection) -> list[str]:
    """The names of those that have run, in their order."""
    connection.begin(write=False)
    try:
        found = connection.execute("SELECT name FROM migrations ORDER BY name", {}).fetchall()
        return [row[0] for row in found]
    finally:
        connection.rollback()


def _run(connection: Connection, types: Types, script: str) -> None:
    for statement in script.format_map(types).split(";"):
        if statement.strip():
            connection.execute(statement, {})
