"""The report of a run: one page that says how it went, what it gets wrong, and how to repeat it."""

from clearprop.train.report.page import RunReport as RunReport
from clearprop.train.report.page import report_page as report_page
