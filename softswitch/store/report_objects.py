"""Reports that are sent by mail, as they stand in site.toml: rules of single values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from softswitch.decode import Rule, one_of, text
from softswitch.directory.reporting import ScheduledReport
from softswitch.reports.build import REPORTS
from softswitch.reports.export import FORMATS
from softswitch.reports.range import INTERVALS, RANGES
from softswitch.reports.schedule import EXPECTED, When


def _read_when(value: object) -> str:
    found = text(value)
    When.parse(found)
    return found


def _some(known: tuple[str, ...]) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)) or not value or not all(one in known for one in value):
            raise ValueError
        return tuple(value)

    return read


REPORT_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (ScheduledReport, "reports"): Rule(f"a list of {', '.join(REPORTS)}", _some(tuple(REPORTS)), list),
    (ScheduledReport, "attachments"): Rule(f"a list of {', '.join(FORMATS)}", _some(tuple(FORMATS)), list),
    (ScheduledReport, "range"): one_of(*RANGES),
    (ScheduledReport, "interval"): one_of(*INTERVALS),
    (ScheduledReport, "when"): Rule(EXPECTED, _read_when),
}
