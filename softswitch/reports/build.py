"""The reports (FEATURES A.8), made of the rows of a time. Each carries its definitions (RPT-18)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from softswitch.reports import figures as f
from softswitch.reports.fold import Limits
from softswitch.reports.range import Range, RangeError, intervals
from softswitch.reports.rows import (
    AGENT_COLUMNS,
    COHORT,
    DAY_MS,
    GREATEST,
    LOAD_COLUMNS,
    MILLI,
    MOVED,
    OUTCOMES,
    QUARTER,
    QUEUE_COLUMNS,
    VIEWS,
)

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_ROWS: Final = 5_000  # of a list in one answer
MOST_SPANS: Final = 8_000
MOST_CALLERS: Final = 100
BUSY_QUARTERS: Final = 4  # of the busy hour
LONG_RINGS: Final = 5  # seconds of one ring and its pause, as phones ring in Poland

Row = dict[str, Any]
Sums = dict[str, int]


class Rows(Protocol):
    """Who keeps the rows (`store.ledger.Ledger`)."""

    def sums(
        self,
        table: str,
        columns: Collection[str],
        since: int,
        until: int,
        by: str,
        where: Mapping[str, Any] | None = None,
    ) -> dict[Any, Sums]: ...
    def bins(
        self, kind: str, since: int, until: int, where: Mapping[str, Any] | None = None
    ) -> list[tuple[str, str, int, int]]: ...
    def select(
        self, table: str, since: int, until: int, where: Mapping[str, Any] | None = None, *, limit: int = 1 << 30
    ) -> list[Row]: ...
    def repeated(
        self, since: int, until: int, where: Mapping[str, Any], limit: int
    ) -> list[tuple[str, str, int, int, int]]: ...
    def counted_to(self) -> float: ...


@dataclass(slots=True, frozen=True)
class Ask:
    """What is wanted. `queues`, `agents`: None = all of them."""

    span: Range
    interval: str = "60"
    view: str = COHORT
    queues: frozenset[str] | None = None
    agents: frozenset[str] | None = None
    limits: Mapping[str, Limits] = field(default_factory=dict)
    now: float = 0.0
    level: int | None = None  # seconds: T in place of that of each queue

    @property
    def edges(self) -> tuple[int, int]:
        """Of the quarters that belong to the time."""
        return self.span.since // QUARTER * QUARTER, -(-self.span.until // QUARTER) * QUARTER

    def kinds(self, kind: str) -> tuple[str, ...]:
        """The bins of waits: of the callers who came, or of those who left."""
        return (kind,) if self.view == COHORT else (kind, f"{kind}{MOVED}")

    def queue(self, **more: Any) -> dict[str, Any]:
        return more if self.queues is None else {"queue": self.queues, **more}

    def agent(self, column: str = "agent", **more: Any) -> dict[str, Any]:
        return more if self.agents is None else {column: self.agents, **more}


Maker = Callable[[Rows, Ask], Row]


def make(name: str, rows: Rows, ask: Ask) -> Row:
    """A report by its name. Raises RangeError for what cannot be asked for."""
    if ask.view not in VIEWS:
        raise RangeError(f"{ask.view!r} is no view: one of {', '.join(VIEWS)}")
    titles, maker = REPORTS[name]
    found = maker(rows, ask)
    columns: Sequence[f.Column] = found.pop("columns")
    return {
        "report": name,
        "titles": dict(zip(("en", "pl"), titles, strict=True)),
        "range": ask.span.as_dict(),
        "counted_to": rows.counted_to(),
        "columns": [one.as_dict() for one in columns],
        "definitions": {one.name: one.formula for one in columns if one.formula},
        "limits": {
            name: {
                "service_level_seconds": one.service_level if ask.level is None else ask.level,
                "short_abandon": one.short_abandon,
            }
            for name, one in ask.limits.items()
            if ask.queues is None or name in ask.queues
        },
        **found,
    }


def _text(name: str, en: str, pl: str, unit: str = f.TEXT, formula: str = "") -> f.Column:
    return f.Column(name, en, pl, unit, formula)


QUEUE: Final = _text("queue", "queue", "kolejka")
AGENT: Final = _text("agent", "agent", "agent")
FROM: Final = _text("from", "from", "od", f.TIME)


def _visits(rows: Rows, ask: Ask, columns: Sequence[str], by: str) -> dict[Any, Sums]:
    """Sums of the queues' visits, by "queue" or "at"; with another T, if one is asked for: the waits are kept by the second."""
    since, until = ask.edges
    found = rows.sums("report_queues", columns, since, until, by, ask.queue(view=ask.view))
    if ask.level is None:
        return found
    named = {} if ask.queues is None else {"name": ask.queues}
    for kind, column in (("answered", "in_time"), ("abandoned", "abandoned_in_time")):
        if column not in columns:
            continue
        where = {"kind": ask.kinds(kind), "bin": range(ask.level + 1), **named}
        within = rows.sums("report_bins", ("n",), since, until, "at" if by == "at" else "name", where)
        for key, sums in found.items():
            sums[column] = within[key]["n"] if key in within else 0
    return found


def _total(sums: Iterable[Sums], columns: Sequence[str]) -> Sums:
    total = dict.fromkeys(columns, 0)
    for one in sums:
        for name in columns:
            total[name] = max(total[name], one[name]) if name in GREATEST else total[name] + one[name]
    return total


# --- queues ----------------------------------------------------------------------------------------------------------


def queues(rows: Rows, ask: Ask) -> Row:
    """RPT-01"""
    since, until = ask.edges
    found = _visits(rows, ask, QUEUE_COLUMNS, "queue")
    waits: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for kind in ask.kinds("answered"):
        for name, _, second, n in rows.bins(kind, since, until, {} if ask.queues is None else {"name": ask.queues}):
            waits[name][second] = waits[name].get(second, 0) + n
    everything: defaultdict[int, int] = defaultdict(int)
    for bins in waits.values():
        for second, n in bins.items():
            everything[second] += n
    lines = [{"queue": name, **f.of_queue(found[name]), **_percentiles(waits[name])} for name in sorted(found)]
    total = f.of_queue(_total(found.values(), QUEUE_COLUMNS)) | _percentiles(everything)
    return {
        "columns": [QUEUE, *f.queue_columns(), *f.PERCENTILES],
        "view": ask.view,
        "rows": lines,
        "total": total,
        "outcomes": {name: {one: sums[one] for one in OUTCOMES if sums[one]} for name, sums in sorted(found.items())},
    }


def _percentiles(bins: Mapping[int, int]) -> Row:
    return {column.name: f.percentile(bins, rank) for column, rank in zip(f.PERCENTILES, f.RANKS, strict=True)}


def _by_interval(found: Mapping[int, Sums], starts: Sequence[int], columns: Sequence[str]) -> list[Sums]:
    """Quarters added up to intervals."""
    result = [dict.fromkeys(columns, 0) for _ in starts]
    for at, sums in found.items():
        place = bisect_right(starts, at) - 1
        if place < 0:
            continue
        into = result[place]
        for name, value in sums.items():
            if value:
                into[name] = max(into[name], value) if name in GREATEST else into[name] + value
    return result


# What figures of intervals are made of.
SHOWN: Final = (
    "entered", *OUTCOMES, "in_time", "short", "wait_answered", "wait_all", "handled", "talk", "hold", "wrap", "longest",
)  # fmt: skip


def interval_report(rows: Rows, ask: Ask) -> Row:
    """RPT-02"""
    found = _visits(rows, ask, SHOWN, "at")
    edges = list(intervals(ask.span, ask.interval))
    lines = []
    for (start, end), sums in zip(edges, _by_interval(found, [one for one, _ in edges], SHOWN), strict=True):
        work = (sums["talk"] + sums["hold"] + sums["wrap"]) / MILLI
        offered = f.cell(sums["entered"] * work / sums["handled"], end - start) if sums["handled"] else f.cell(0, 0)
        lines.append(
            {"from": ask.span.local(start).isoformat(), "seconds": end - start, **f.of_queue(sums, f.INTERVAL_NAMES), "erlangs": offered}
        )  # fmt: skip
    total = f.of_queue(_total(found.values(), SHOWN), f.INTERVAL_NAMES)
    return {
        "columns": [FROM, *f.queue_columns(f.INTERVAL_NAMES), f.OFFERED_ERLANGS],
        "view": ask.view,
        "interval": ask.interval,
        "rows": lines,
        "total": total,
    }


def heat_map(rows: Rows, ask: Ask) -> Row:
    """RPT-04: by weekday and hour of the zone, means over the weekdays of the time."""
    found = _visits(rows, ask, SHOWN, "at")
    edges = list(intervals(ask.span, "60"))
    sums: defaultdict[tuple[int, int], list[Sums]] = defaultdict(list)
    days: defaultdict[tuple[int, int], set[Any]] = defaultdict(set)
    for (start, _), one in zip(edges, _by_interval(found, [at for at, _ in edges], SHOWN), strict=True):
        if ask.now and start >= ask.now:
            break  # A weekday that has not come yet is none to divide by.
        here = ask.span.local(start)
        place = here.weekday(), here.hour
        sums[place].append(one)
        days[place].add(here.date())
    lines = []
    for weekday, hour in sorted(sums):
        total, n = _total(sums[weekday, hour], SHOWN), len(days[weekday, hour])
        lost = f.abandoned(total) - total["short"]
        lines.append(
            {
                "weekday": WEEKDAYS[weekday], "hour": hour, "offered": f.cell(total["entered"], n), "abandoned": f.cell(lost, n),
                **f.of_queue(total, ("sl", "asa")),
            }
        )  # fmt: skip
    return {
        "columns": [
            _text("weekday", "weekday", "dzień tygodnia"),
            _text("hour", "hour", "godzina", f.COUNT),
            f.Column("offered", "offered", "zaoferowane", f.NUMBER, "E / such weekdays in the time, so far"),
            f.Column("abandoned", "abandoned", "porzucone", f.NUMBER, "(B - B_S) / such weekdays in the time, so far"),
            *f.queue_columns(("sl", "asa")),
        ],
        "view": ask.view,
        "rows": lines,
    }


# --- those who were missed ---------------------------------------------------------------------------------------------


def missed(rows: Rows, ask: Ask) -> Row:
    """RPT-05: numbers that gave up in the time, and what came of it; and what each agent let ring."""
    found = rows.select("report_missed", ask.span.since, ask.span.until, ask.queue(), limit=MOST_ROWS + 1)
    now = ask.now * MILLI
    lines, lost, open_ = [], 0, 0
    for one in found:
        contact, last = one["contact_at"], one["last_at"]
        within = contact is not None and contact - last <= DAY_MS
        state = "contacted" if within else "lost" if now - last > DAY_MS else "open"
        lost += state == "lost"
        open_ += state == "open"
        lines.append(
            {
                "number": one["number"], "queue": one["queue"], "attempts": one["attempts"], "first": _iso(ask, one["first_at"]),
                "last": _iso(ask, last), "waited": one["waited"] / MILLI, "outcome": one["outcome"], "state": state,
                "contact": None if contact is None else _iso(ask, contact), "contact_by": one["contact_by"],
                "contact_how": one["contact_how"],
                "after": None if contact is None else (contact - last) / MILLI,
            }
        )  # fmt: skip
    since, until = ask.edges
    agents = rows.sums("report_agents", AGENT_COLUMNS, since, until, "agent", ask.agent())
    return {
        "columns": [
            _text("number", "number", "numer"), QUEUE, f.Column("attempts", "attempts", "próby", f.COUNT, "calls given up, each within a day of the one before"),
            _text("first", "first", "pierwsza", f.TIME), _text("last", "last", "ostatnia", f.TIME),
            _text("waited", "waited", "czekał", f.SECONDS, "wait of the last attempt"), _text("outcome", "outcome", "wynik"),
            _text("state", "state", "stan", f.TEXT, "contacted: talked to within 24 h of the last attempt; lost: not; open: 24 h are not over"),
            _text("contact", "contact", "kontakt", f.TIME), _text("contact_by", "by", "przez"),
            _text("contact_how", "how", "jak", f.TEXT, "called_again | called | callback | by_hand"),
            _text("after", "after", "po", f.SECONDS, "contact - last attempt"),
        ],
        "rows": lines[:MOST_ROWS],
        "cut": len(found) > MOST_ROWS,
        "total": {"lost_contact": f.cell(lost, len(found) - open_), "numbers": len(found), "open": open_},
        "more_definitions": {"lost_contact": "numbers with no contact within 24 h / numbers that gave up in the time, those of the last 24 h left out"},
        "agents": [
            {"agent": name, **f.of_agent(one, MISSED_FIGURES)} for name, one in sorted(agents.items()) if one["rings"]
        ],
        "agent_columns": [one.as_dict() for one in (AGENT, *f.columns_of(MISSED_FIGURES))],
    }  # fmt: skip


MISSED_FIGURES: Final = [
    one for one in f.AGENT_FIGURES if one[0].name in ("rings", "rings_no_answer", "rings_rejected", "offer_accept")
]


def _iso(ask: Ask, milliseconds: int) -> str:
    return ask.span.local(milliseconds / MILLI).isoformat(timespec="seconds")


def repeats(rows: Rows, ask: Ask) -> Row:
    """RPT-11: who calls the same queue again within a day, within a week."""
    since, until = ask.edges
    sums = rows.sums("report_queues", QUEUE_COLUMNS, since, until, "queue", ask.queue(view=COHORT))
    lines = [
        {
            "queue": name, "contacts": one["contacts"], "again_day": f.cell(one["followed_day"], one["contacts"]),
            "again_week": f.cell(one["followed_week"], one["contacts"]), **f.of_queue(one, ("fcr",)),
        }
        for name, one in sorted(sums.items())
    ]  # fmt: skip
    top = rows.repeated(ask.span.since, ask.span.until, ask.queue(), MOST_CALLERS)
    return {
        "columns": [
            QUEUE, f.Column("contacts", "answered callers", "odebrane z numerem", f.COUNT, "answered visits with a number"),
            f.Column("again_day", "again within a day", "ponownie w ciągu dnia", f.SHARE, "followed by a call of that number to that queue within 24 h / answered with a number"),
            f.Column("again_week", "again within a week", "ponownie w ciągu tygodnia", f.SHARE, "followed ... within 7 days / answered with a number"),
            *f.queue_columns(("fcr",)),
        ],
        "rows": lines,
        "callers": [
            {"number": number, "queue": queue, "again": n, "after_answer": helped, "last": _iso(ask, last)}
            for number, queue, n, helped, last in top
        ],
    }  # fmt: skip


# --- agents ----------------------------------------------------------------------------------------------------------


def agents(rows: Rows, ask: Ask) -> Row:
    """RPT-06, RPT-09"""
    since, until = ask.edges
    found = rows.sums("report_agents", AGENT_COLUMNS, since, until, "agent", ask.agent())
    pauses: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for name, reason, _, milliseconds in rows.bins("pause", since, until, ask.agent("name")):
        pauses[name][reason or "-"] = milliseconds / MILLI
    begun: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, reason, _, n in rows.bins("pauses", since, until, ask.agent("name")):
        begun[name][reason or "-"] = n
    lines = [
        {"agent": name, **f.of_agent(one), "reasons": pauses[name], "reason_counts": begun[name]}
        for name, one in sorted(found.items())
    ]
    return {
        "columns": [AGENT, *f.columns_of(f.AGENT_FIGURES), _text("reasons", "pauses by reason", "przerwy wg powodu", "durations", "sum not ready, by reason"),
            _text("reason_counts", "number of pauses by reason", "liczba przerw wg powodu", "counts", "pauses begun, by reason; another reason begins another pause")],
        "rows": lines,
        "total": f.of_agent(_total(found.values(), AGENT_COLUMNS)),
    }  # fmt: skip


def gaming(rows: Rows, ask: Ask) -> Row:
    """RPT-07: evidence, not verdicts."""
    since, until = ask.edges
    found = rows.sums("report_agents", AGENT_COLUMNS, since, until, "agent", ask.agent())
    rings: defaultdict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for name, _, second, n in rows.bins("ring", since, until, ask.agent("name")):
        rings[name][second // LONG_RINGS * LONG_RINGS] += n
    peaks = _peaks(rows, ask)
    before: defaultdict[str, int] = defaultdict(int)
    for peak in peaks.values():
        begun = rows.bins("pauses", peak - QUARTER, peak + BUSY_QUARTERS * QUARTER, ask.agent("name"))
        for name, _, _, n in begun:
            before[name] += n
    lines = [
        {
            "agent": name, **f.of_agent(one, f.GAMING_FIGURES), "pauses_at_peak": f.cell(before[name], one["pauses"]),
            "histogram": dict(sorted(rings[name].items())),
        }
        for name, one in sorted(found.items())
    ]  # fmt: skip
    return {
        "columns": [
            AGENT, *f.columns_of(f.GAMING_FIGURES),
            f.Column("pauses_at_peak", "pauses at the peak", "przerwy w szczycie", f.SHARE, "pauses begun in the busy hour of the day, or in the quarter before it / pauses begun"),
            _text("histogram", "rings by seconds", "dzwonienia wg sekund", "bins", "rings that lasted from so many seconds on, in steps of 5 s (one ring)"),
        ],
        "rows": lines,
        "peaks": [_iso(ask, peak * MILLI) for peak in sorted(peaks.values())],
    }  # fmt: skip


def _peaks(rows: Rows, ask: Ask) -> dict[Any, int]:
    """The busy hour of each day: the four quarters in a row in which most callers came."""
    since, until = ask.edges
    found = rows.sums("report_queues", ("entered",), since, until, "at", ask.queue(view=COHORT))
    best: dict[Any, tuple[int, int]] = {}
    for at in found:
        for start in range(at - (BUSY_QUARTERS - 1) * QUARTER, at + 1, QUARTER):
            n = sum(found.get(start + step * QUARTER, {"entered": 0})["entered"] for step in range(BUSY_QUARTERS))
            day = ask.span.local(start).date()
            if n and (n, -start) > best.get(day, (0, 0)):
                best[day] = n, -start
    return {day: -start for day, (_, start) in best.items()}


def timeline(rows: Rows, ask: Ask) -> Row:
    """RPT-08: what each agent did when; at most a week."""
    since, until = ask.span.since, ask.span.until
    if until - since > 8 * 86_400:
        raise RangeError("a timeline shows at most a week")
    found = rows.select("report_spans", since - 86_400, until, ask.agent(), limit=MOST_SPANS + 1)
    lines = [
        {
            "agent": one["agent"], "state": one["state"], "detail": one["detail"], "from": _iso(ask, max(one["since"], since * MILLI)),
            "to": _iso(ask, min(one["until"], until * MILLI)),
            "seconds": (min(one["until"], until * MILLI) - max(one["since"], since * MILLI)) / MILLI,
        }
        for one in reversed(found[:MOST_SPANS])
        if one["until"] > since * MILLI and one["state"] != "offline"
    ]  # fmt: skip
    return {
        "columns": [
            AGENT, _text("state", "state", "stan"), _text("detail", "detail", "szczegół"), FROM, _text("to", "to", "do", f.TIME),
            f.Column("seconds", "duration", "czas trwania", f.SECONDS, "to - from"),
        ],
        "rows": sorted(lines, key=lambda one: (one["agent"], one["from"])),
        "cut": len(found) > MOST_SPANS,
    }  # fmt: skip


# --- transfers, load -------------------------------------------------------------------------------------------------


def transfers(rows: Rows, ask: Ask) -> Row:
    """RPT-10, by whoever transferred."""
    where = ask.queue() | ask.agent("transferor")
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for one in rows.select("report_transfers", ask.span.since, ask.span.until, where):
        groups[one["transferor"]].append(one)
    everything = [one for group in groups.values() for one in group]
    return {
        "columns": [
            _text("transferor", "by", "kto"), f.Column("transfers", "transfers", "przekazania", f.COUNT, "transfers begun"),
            f.Column("blind", "blind", "bez zapowiedzi", f.COUNT, "transfers without a consultation"),
            f.Column("attended", "attended", "z konsultacją", f.COUNT, "transfers after a consultation"),
            f.Column("done", "done", "udane", f.SHARE, "done / transfers"),
            f.Column("failed", "failed", "nieudane", f.SHARE, "busy, no answer, rejected, unreachable ... / transfers"),
            f.Column("recalls", "came back", "wróciły", f.COUNT, "recalls of the transferor's phone"),
            f.Column("cost", "cost", "koszt", f.SECONDS, "sum (consultation, the caller on hold meanwhile)"),
            f.Column("mean_cost", "mean cost", "średni koszt", f.SECONDS, "sum (consultation, hold) / attended"),
            f.Column("chain", "longest chain", "najdłuższy łańcuch", f.COUNT, "the most transfers that one call has had"),
        ],
        "rows": [{"transferor": name, **_led(group)} for name, group in sorted(groups.items())],
        "total": _led(everything),
    }  # fmt: skip


def _led(found: Sequence[Row]) -> Row:
    attended = [one for one in found if one["kind"] == "attended"]
    cost = sum(one["cost"] for one in found) / MILLI
    done = sum(one["result"] == "done" for one in found)
    failed = sum(one["result"] not in ("", "done") for one in found)
    return {
        "transfers": len(found), "blind": len(found) - len(attended), "attended": len(attended),
        "done": f.cell(done, len(found)), "failed": f.cell(failed, len(found)), "recalls": sum(one["recalls"] for one in found),
        "cost": cost, "mean_cost": f.cell(cost, len(attended)), "chain": max((one["chain"] for one in found), default=0),
    }  # fmt: skip


def load(rows: Rows, ask: Ask) -> Row:
    """RPT-14: the whole switch by interval, and each trunk."""
    since, until = ask.edges
    found = rows.sums("report_load", LOAD_COLUMNS, since, until, "at", {"kind": "switch"})
    edges = list(intervals(ask.span, ask.interval))
    lines = [
        {
            "from": ask.span.local(start).isoformat(), "seconds": end - start, "started": one["started"], "peak": one["peak"],
            "erlangs": f.cell(one["busy"] / MILLI, end - start),
        }
        for (start, end), one in zip(edges, _by_interval(found, [at for at, _ in edges], LOAD_COLUMNS), strict=True)
    ]  # fmt: skip
    best = max(
        ((sum(found.get(at + step * QUARTER, {"busy": 0})["busy"] for step in range(BUSY_QUARTERS)), -at) for at in found),
        default=None,
    )  # fmt: skip
    trunks = rows.sums("report_load", LOAD_COLUMNS, since, until, "name", {"kind": "trunk"})
    seconds = ask.span.until - ask.span.since
    return {
        "columns": [
            FROM, f.Column("started", "calls", "połączenia", f.COUNT, "calls begun"),
            f.Column("peak", "at once", "naraz", f.COUNT, "the most calls at the same time"),
            f.Column("erlangs", "erlangs", "erlangi", f.NUMBER, "sum of the time of all calls in the interval / its length"),
        ],
        "interval": ask.interval,
        "rows": lines,
        "busy_hour": None if best is None else {
            "from": _iso(ask, -best[1] * MILLI), "erlangs": f.cell(best[0] / MILLI, BUSY_QUARTERS * QUARTER),
        },
        "trunks": [
            {"trunk": name, "started": one["started"], "peak": one["peak"], "erlangs": f.cell(one["busy"] / MILLI, seconds)}
            for name, one in sorted(trunks.items())
        ],
        "more_definitions": {"busy_hour": "the four quarters in a row with the most erlangs"},
    }  # fmt: skip


REPORTS: Final[dict[str, tuple[tuple[str, str], Maker]]] = {
    "queues": (("Queues", "Kolejki"), queues),
    "intervals": (("By interval", "Analiza interwałowa"), interval_report),
    "heatmap": (("By weekday and hour", "Według dnia tygodnia i godziny"), heat_map),
    "missed": (("Missed calls", "Nieodebrane połączenia"), missed),
    "agents": (("Agents", "Agenci"), agents),
    "gaming": (("Evidence of tricks", "Ślady sztuczek"), gaming),
    "timeline": (("Agents' timeline", "Oś czasu agentów"), timeline),
    "transfers": (("Transfers", "Przekazania"), transfers),
    "repeats": (("Repeat callers", "Dzwoniący ponownie"), repeats),
    "load": (("Load", "Obciążenie"), load),
}
