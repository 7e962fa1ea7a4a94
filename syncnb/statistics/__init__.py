"""What nodes learn: reported on the edge, collected into one DataFrame in the cloud."""

from syncnb.statistics.acknowledging import acknowledge_reports as acknowledge_reports
from syncnb.statistics.collecting import collect as collect
from syncnb.statistics.collecting import gather as gather
from syncnb.statistics.quantiles import quantiles as quantiles
from syncnb.statistics.reporter import Reporter as Reporter
from syncnb.statistics.reporting import report as report
