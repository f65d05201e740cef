"""Alerts in site.toml: what they may say, and what makes no sense."""

from __future__ import annotations

import pytest

from softswitch.errors import ConfigError
from softswitch.store.site import export_site, parse_site

SITE = """
domain = "pbx.example.com"
[queue.sales]
[hours.office]
spans = ["Mon-Fri 08:00-16:00"]
"""


def test_a_whole_alert() -> None:
    text = SITE + (
        '[alert.slow]\ntitle = "Slow"\ncondition = "service_level"\nqueues = ["sales"]\nthreshold = 0.8\nclear = 0.85\n'
        'hold = 60\nminutes = 15\nat_least = 10\nhours = "office"\nseverity = "critical"\nmail = ["eva@example.com"]\n'
        'sms = ["+48600100200"]\n[alert.lunch]\ncondition = "pause"\nreasons = ["lunch"]\nthreshold = 2700\n'
    )
    site = parse_site(text)
    assert (site.alerts["slow"].threshold, site.alerts["slow"].clear, site.alerts["lunch"].clear) == (0.8, 0.85, None)
    assert parse_site(export_site(site)) == site


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('condition = "late"', "alert.a.condition"),
        ('queues = ["sale"]', 'did you mean "sales"?'),
        ('condition = "service_level"\nthreshold = 80', "a share such as 0.8"),
        ('condition = "service_level"\nthreshold = 0.8\nclear = 0.7', "alert.a.clear"),
        ("threshold = 60\nclear = 70", "alert.a.clear"),
        ('hours = "offices"', 'did you mean "office"?'),
        ('reasons = ["lunch"]', 'none, or condition = "pause"'),
        ('condition = "trunk_down"\ntrunks = ["x"]', "a trunk"),
        ('mail = ["eva"]', "alert.a.mail"),
        ('sms = ["eva"]', "alert.a.sms"),
        ("hold = -1", "alert.a.hold"),
        ("minutes = 500", "alert.a.minutes"),
        ('severity = "panic"', "alert.a.severity"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_site(f"{SITE}[alert.a]\n{text}\n")
    assert said in str(raised.value)
