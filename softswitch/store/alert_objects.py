"""Alerts as they stand in site.toml: rules of single values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from softswitch.decode import Rule, number_in, one_of, whole_in
from softswitch.directory.alerts import CONDITIONS, SEVERITIES, Alert
from softswitch.store.rules import ADDRESSES, optional

ALERT_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Alert, "condition"): one_of(*CONDITIONS),
    (Alert, "threshold"): number_in(0, 86_400),
    (Alert, "clear"): optional(number_in(0, 86_400)),
    (Alert, "hold"): number_in(0, 3_600, "seconds"),
    (Alert, "minutes"): whole_in(1, 120, "minutes"),
    (Alert, "at_least"): whole_in(1, 10_000),
    (Alert, "severity"): one_of(*SEVERITIES),
    (Alert, "mail"): ADDRESSES,
}
