"""Times as people type them: `09:00` (today), `2026-11-20T09:00`, `20 min`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import rich_click as click

UNITS: Final = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)")


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A local time; Unix seconds come out."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", value):
                today = datetime.now().date().isoformat()
                return datetime.fromisoformat(
                    f"{today}T{value.zfill(5) if value.count(':') == 1 else value}"
                ).timestamp()
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            self.fail(f"{value!r} is no time such as 09:00 or 2026-11-20T09:00", param, ctx)


class Span(click.ParamType):  # type: ignore[type-arg]
    """A length of time; seconds come out."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _SPAN.fullmatch(str(value).strip())
        if found is None or (found[2] or "min") not in UNITS:
            self.fail(f"{value!r} is no length of time such as 20 min or 2 h", param, ctx)
        return float(found[1]) * UNITS[found[2] or "min"]


MOMENT: Final = Moment()
SPAN: Final = Span()
