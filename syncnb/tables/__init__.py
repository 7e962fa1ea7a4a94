"""Tables that follow a service: its nodes, what arrives there, and what is on its way."""

from syncnb.tables.arrivals import watch
from syncnb.tables.fleet import fleet_table
from syncnb.tables.transfers import transfers
from syncnb.tables.view import TableView

__all__ = ["TableView", "fleet_table", "transfers", "watch"]
