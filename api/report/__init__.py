"""The evaluation as one HTML page that a shop owner can read, in one file and without a network."""

from api.report.audit import Audit, DoubtfulPhoto, NearDuplicate, OddPhoto
from api.report.explanations import Explanation
from api.report.page import report_page, write_report
from api.report.reasons import reasons

__all__ = [
    "Audit",
    "DoubtfulPhoto",
    "Explanation",
    "NearDuplicate",
    "OddPhoto",
    "reasons",
    "report_page",
    "write_report",
]
