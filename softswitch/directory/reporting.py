"""Reports that are sent by mail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class ScheduledReport:
    """What is sent to whom, and when (RPT-15)."""

    name: str
    title: str = ""  # the subject
    reports: tuple[str, ...] = ("queues",)
    range: str = "yesterday"  # "today" | "yesterday" | "week" | "last_week" | "month" | "last_month" | "year"
    interval: str = "60"
    when: str = "07:00"  # or "Mon-Fri 07:00", "Mon 07:00", "1 07:00" (the first day of the month)
    to: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()  # () = all
    attachments: tuple[str, ...] = ("xlsx",)  # "xlsx" | "csv" | "json"
    timezone: str = ""  # "" = the site's
    language: str = ""  # "" = the site's
