"""An alert as people read it in a mail or a text message. Pure: texts by language."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from softswitch.directory import Directory
from softswitch.directory.alerts import NO_AGENTS, PAUSE, SERVICE_LEVEL, TRUNK_DOWN, WAIT, WAITING, Alert
from softswitch.events import AlertCleared, AlertRaised

# By language: what each condition says, {about} what it is about; then how it begins, and how it ends.
TEXTS: Final[dict[str, dict[str, str]]] = {
    "en": {
        SERVICE_LEVEL: "{about}: service level of the last {minutes} min {value}, below {threshold}",
        WAIT: "{about}: a caller waits for {value}, longer than {threshold}",
        WAITING: "{about}: {value} callers wait, more than {threshold}",
        NO_AGENTS: "{about}: nobody takes calls",
        PAUSE: "{about}: in the pause {reason} for {value}, longer than {threshold}",
        TRUNK_DOWN: "trunk {about} does not work",
        "raised": "Alert",
        "cleared": "Over",
        "lasted": "It lasted {lasted}.",
    },
    "pl": {
        SERVICE_LEVEL: "{about}: poziom obsługi z ostatnich {minutes} min {value}, poniżej {threshold}",
        WAIT: "{about}: rozmówca czeka {value}, dłużej niż {threshold}",
        WAITING: "{about}: oczekuje {value} osób, więcej niż {threshold}",
        NO_AGENTS: "{about}: nikt nie odbiera połączeń",
        PAUSE: "{about}: przerwa {reason} trwa {value}, dłużej niż {threshold}",
        TRUNK_DOWN: "łącze {about} nie działa",
        "raised": "Alarm",
        "cleared": "Koniec alarmu",
        "lasted": "Trwał {lasted}.",
    },
}


def letter(event: AlertRaised | AlertCleared, rule: Alert, site: Directory, wall: float) -> tuple[str, str]:
    """(Subject, text) of what is to be told about an event. `wall`: Unix time."""
    texts = TEXTS.get(site.language, TEXTS["en"])
    at = datetime.fromtimestamp(wall, ZoneInfo(site.timezone))
    about = _title(event, site)
    if isinstance(event, AlertCleared):
        subject = f"{texts['cleared']}: {rule.title or rule.name}: {about}"
        said = texts["lasted"].format(lasted=clock(event.seconds))
    else:
        said = texts[event.condition].format(
            about=about, value=shown(event.condition, event.value), reason=_reason(event, site),
            threshold=shown(event.condition, event.threshold), minutes=rule.minutes,
        )  # fmt: skip
        subject = f"{texts['raised']}: {said}"
    return subject, f"{rule.title or rule.name}\n{about}\n{said}\n{at:%Y-%m-%d %H:%M:%S}\n"


def _reason(event: AlertRaised, site: Directory) -> str:
    known = site.pauses.get(event.reason)
    return known.called(site.language) if known else event.reason or "-"


def _title(event: AlertRaised | AlertCleared, site: Directory) -> str:
    if event.queue:
        queue = site.queues.get(event.queue)
        return (queue.title if queue else "") or event.queue
    if event.agent:
        agent = site.agents.get(event.agent)
        return (agent.title if agent else "") or event.agent
    return event.trunk


def shown(condition: str, value: float | None) -> str:
    """A value as people read it: a share in per cent, callers or agents, or a time."""
    if value is None:
        return "-"
    if condition == SERVICE_LEVEL:
        return f"{100 * value:.0f} %"
    return f"{value:.0f}" if condition in (WAITING, NO_AGENTS) else clock(value)


def clock(seconds: float) -> str:
    """Such as "1:05" or "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
