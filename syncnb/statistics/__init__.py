"""What nodes learn: reported on the edge, collected into one DataFrame in the cloud."""

from syncnb.statistics.acknowledging import acknowledge_reports as acknowledge_reports
from syncnb.statistics.collecting import collect as collect
from syncnb.statistics.collecting import collect_batches as collect_batches
from syncnb.statistics.collecting import gather as gather
from syncnb.statistics.compare import Comparison as Comparison
from syncnb.statistics.compare import compare as compare
from syncnb.statistics.drift import Drift as Drift
from syncnb.statistics.drift import drift as drift
from syncnb.statistics.fetching import fetch_reports as fetch_reports
from syncnb.statistics.quantiles import quantiles as quantiles
from syncnb.statistics.reporter import Reporter as Reporter
from syncnb.statistics.reporting import report as report
from syncnb.statistics.reports import Report as Report
from syncnb.statistics.reports import Unreadable as Unreadable
from syncnb.statistics.summary import Summary as Summary
from syncnb.statistics.summary import summary as summary
from syncnb.statistics.table import StatisticsTable as StatisticsTable
from syncnb.statistics.table import TableInfo as TableInfo
from syncnb.statistics.table import TableUpdate as TableUpdate
