"""What a CRM would be asked for an event, without asking it (API-11): for whoever writes the matrix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from softswitch.decode import Problems
from softswitch.directory import Directory
from softswitch.directory.hooks import ROWS, Crm
from softswitch.integrations.crm import NAMES, actions_of, is_left_out, request_of
from softswitch.running.console import ConsoleError
from softswitch.store.objects import from_objects, to_objects
from softswitch.store.validate import validate

HIDDEN: Final = "***"
EVENTS: Final[Mapping[str, str]] = {
    "missed": "call.ended", "answered": "queue.connected", "ended": "call.ended", "recording": "recording.finished",
    "callback": "callback.done", "disposition": "call.disposition",
}  # fmt: skip
# What a name says in a rehearsal where nobody has given it a value.
SAMPLE: Final[Mapping[str, Any]] = {
    "seq": 1_000_042, "time": "2026-12-23T08:26:40.123+00:00", "call": "kq3v-1", "number": "+48600100200",
    "name": "Jan Kowalski", "dialled": "800", "direction": "in", "queue": "", "agent": "anna", "account": "",
    "trunk": "carrier", "customer": "", "outcome": "answered", "cause": "", "talk_seconds": 93.5, "total_seconds": 120.0,
    "recording": 17, "seconds": 93.5, "disposition": "sale", "note": "Wants an offer",
}  # fmt: skip
ONLY: Final[Mapping[str, tuple[str, ...]]] = {  # names that say nothing in other rows
    "recording": ("recording",), "seconds": ("recording",), "disposition": ("disposition",), "note": ("disposition",),
}  # fmt: skip
MISSED: Final = {"outcome": "abandoned", "talk_seconds": 0.0, "agent": ""}


def sample(row: str, queue: str) -> dict[str, Any]:
    """What a made-up event of a row says."""
    found = {name: value for name, value in SAMPLE.items() if row in ONLY.get(name, (row,))}
    found = dict.fromkeys(NAMES, "") | found | {"row": row, "event": EVENTS[row], "queue": queue}
    return found | MISSED if row == "missed" else found


def rehearse(
    site: Directory, name: str, row: str, queue: str, given: Mapping[str, Any], body: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The requests of a row in order. `given`: values of names, of those that earlier requests save, too.

    What a request would save, and nobody has given, counts as found and reads "<contact>". Raises ConsoleError, ConfigError.
    """
    if row not in ROWS:
        raise ConsoleError(f"There is no row {row!r}.", f"There are: {', '.join(ROWS)}.", kind="unknown")
    crm = _crm(site, name, body)
    known = sample(row, queue) | {key: value for key, value in given.items() if key not in ("row", "event")}
    steps: list[dict[str, Any]] = []
    for index, action_name in enumerate(actions_of(crm, row, str(known["queue"]))):
        action = crm.actions[action_name]
        left_out = is_left_out(action, known)
        step: dict[str, Any] = {"action": action_name, "left_out": left_out, "saves": list(action.save)}
        if left_out:
            said = action.when if action.when and not known.get(action.when) else action.unless
            step["why"] = {"name": said, "value": str(known.get(said, ""))}
        else:
            method, url, headers, sent = request_of(
                replace(crm, token=HIDDEN), action, known, f"{known['seq']}-{index}"
            )
            step |= {
                "method": method, "url": url, "headers": [list(one) for one in headers],
                "body": json.loads(sent) if sent else None,
            }  # fmt: skip
            known |= {one: f"<{one}>" for one in action.save if one not in given}
        steps.append(step)
    return {"crm": name, "row": row, "queue": str(known["queue"]), "values": known, "requests": steps}


def _crm(site: Directory, name: str, body: Mapping[str, Any] | None) -> Crm:
    if body is None:
        found = site.crms.get(name)
        if found is None:
            raise ConsoleError(f"There is no crm {name!r}.", "See: softswitch crm list", kind="unknown")
        return found
    objects = to_objects(site)
    objects["crm", name or "new"] = dict(body)
    problems = Problems("site")
    tried = from_objects(objects, problems)
    if tried is not None:
        validate(tried, problems)
    problems.check()
    assert tried is not None
    return tried.crms[name or "new"]
