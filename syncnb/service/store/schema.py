"""The tables, as a history: each migration and the record that it ran commit together."""

from __future__ import annotations

import sqlite3

_FIRST = """
CREATE TABLE objects (
    org TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
    status TEXT NOT NULL, sender INTEGER NOT NULL, meta TEXT NOT NULL, blob TEXT,
    receivers_left BIGINT NOT NULL, consumers_left BIGINT NOT NULL,
    partial TEXT, ranges TEXT NOT NULL,
    PRIMARY KEY (org, object_type, object_id)
);
CREATE INDEX objects_by_status ON objects (org, object_type, status);
CREATE TABLE deliveries (
    org TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
    dest_type TEXT NOT NULL, dest_id TEXT NOT NULL,
    status TEXT NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (org, object_type, object_id, dest_type, dest_id)
);
CREATE INDEX deliveries_by_node ON deliveries (org, dest_type, dest_id);
CREATE TABLE notices (
    org TEXT NOT NULL, object_type TEXT NOT NULL, object_id TEXT NOT NULL,
    dest_type TEXT NOT NULL, dest_id TEXT NOT NULL,
    state TEXT NOT NULL, instance_id BIGINT NOT NULL, data_id BIGINT NOT NULL,
    resend_at REAL NOT NULL,
    PRIMARY KEY (org, object_type, object_id, dest_type, dest_id)
);
CREATE INDEX notices_by_node ON notices (org, dest_type, dest_id, state);
CREATE INDEX notices_by_time ON notices (state, resend_at);
CREATE TABLE destinations (
    org TEXT NOT NULL, dest_type TEXT NOT NULL, dest_id TEXT NOT NULL,
    persistent INTEGER NOT NULL, last_contact REAL NOT NULL,
    communication TEXT NOT NULL, code_version TEXT NOT NULL,
    PRIMARY KEY (org, dest_type, dest_id)
);
CREATE TABLE organizations (org TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL);
CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
"""

_MIGRATIONS = (("0001 objects, deliveries, notices, destinations, organizations", _FIRST),)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database of any released version to this one.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT NOT NULL PRIMARY KEY)")
    done = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    for name, script in _MIGRATIONS:
        if name in done:
            continue
        connection.execute("BEGIN IMMEDIATE")
        for statement in script.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO migrations (name) VALUES (?)", (name,))
        connection.execute("COMMIT")
