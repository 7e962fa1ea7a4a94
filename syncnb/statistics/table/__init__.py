"""A table of everything that nodes reported, as plain Parquet files, each row once.

The modules, from the ground: `intervals`, `names`, `schemas`, `entries` (values), `state` (what the
log adds up to), `place` (files), `log`, `datasets`,
`days` and `duplicates` (rows), `planning` (what becomes of
each report), `staging`, `updating`, `compacting`, `reading`, `info`, `table` (what users see).
"""

from syncnb.statistics.table.info import TableInfo as TableInfo
from syncnb.statistics.table.table import StatisticsTable as StatisticsTable
from syncnb.statistics.table.updating import TableUpdate as TableUpdate
