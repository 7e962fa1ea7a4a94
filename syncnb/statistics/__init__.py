"""What nodes learn: reported on the edge, collected into one DataFrame in the cloud."""

from syncnb.statistics.acknowledging import acknowledge_reports as acknowledge_reports
from syncnb.statistics.collecting import collect as collect
from syncnb.statistics.collecting import gather as gather
from syncnb.statistics.compare import Comparison as Comparison
from syncnb.statistics.compare import compare as compare
from syncnb.statistics.drift import Drift as Drift
from syncnb.statistics.drift import drift as drift
from syncnb.statistics.reporting import report as report
from syncnb.statistics.summary import Summary as Summary
from syncnb.statistics.summary import summary as summary
