"""The columns that travel with what was reported."""

COLUMNS = ("node", "node_type", "reported_at", "object_id")
