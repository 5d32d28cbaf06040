"""The whole report as one HTML file to mail to someone."""

from dashboard.export.report import REPORT_NAME, ReportError, report_of, write_report

__all__ = ["REPORT_NAME", "ReportError", "report_of", "write_report"]
