"""What each number of a report is (RPT-18): its name, its unit, its formula; and how it is made of summed rows.

The letters are those of FEATURES C.2: E entered, A answered, A_T answered within T, B abandoned, B_S abandoned within S, B_T
abandoned within T, F other exits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from softswitch.acd.measure import Figure
from softswitch.reports.rows import ABANDONED, MILLI, OUTCOMES

Sums: TypeAlias = Mapping[str, int]
Cell: TypeAlias = Any

COUNT, SECONDS, SHARE, NUMBER, TEXT, TIME = "count", "seconds", "share", "number", "text", "time"


@dataclass(slots=True, frozen=True)
class Column:
    """A column of a report. `unit`: how it is shown; `formula`: "" for what is no number."""

    name: str
    en: str
    pl: str
    unit: str = COUNT
    formula: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "titles": {"en": self.en, "pl": self.pl}, "unit": self.unit, "formula": self.formula}


def cell(numerator: float, denominator: float) -> dict[str, float | None]:
    """A quotient with what it is made of; without a denominator its value is None."""
    figure = Figure("", "", numerator, denominator)
    return {"value": figure.value, "n": numerator, "d": denominator}


# --- queues ----------------------------------------------------------------------------------------------------------


def abandoned(s: Sums) -> int:
    """B"""
    return sum(s[name] for name in ABANDONED)


def ended(s: Sums) -> int:
    return sum(s[name] for name in OUTCOMES)


def other(s: Sums) -> int:
    """F"""
    return ended(s) - s["answered"] - abandoned(s)


def _seconds(milliseconds: float) -> float:
    return milliseconds / MILLI


def _rmse(s: Sums) -> dict[str, float | None]:
    root = math.sqrt(s["told_square"] / s["told"]) / 10.0 if s["told"] else None
    return {"value": root, "n": s["told_square"] / 100.0, "d": s["told"]}


Made: TypeAlias = tuple[Column, Callable[[Sums], Cell]]

QUEUE_FIGURES: Final[tuple[Made, ...]] = (
    (Column("entered", "offered", "zaoferowane", COUNT, "E: visits that began"), lambda s: s["entered"]),
    (Column("answered", "answered", "odebrane", COUNT, "A: visits that an agent answered"), lambda s: s["answered"]),
    (Column("abandoned_short", "abandoned at once", "porzucone od razu", COUNT, "B_S: gave up with wait <= S"), lambda s: s["short"]),
    (Column("abandoned", "abandoned", "porzucone", COUNT, "B - B_S: gave up later"), lambda s: abandoned(s) - s["short"]),
    (Column("other", "left otherwise", "inne wyjścia", COUNT, "F: time-out, overflow, key, callback, no agents ..."), other),
    (Column("waiting", "not over", "w toku", COUNT, "E - A - B - F"), lambda s: s["entered"] - ended(s)),
    (Column("answer_rate", "answer rate", "odsetek odebranych", SHARE, "A / (E - B_S)"), lambda s: cell(s["answered"], s["entered"] - s["short"])),
    (Column("sl", "service level", "poziom obsługi", SHARE, "A_T / (A + B - B_S)"), lambda s: cell(s["in_time"], s["answered"] + abandoned(s) - s["short"])),
    (Column("sl_answered", "of answered in time", "odebrane w czasie", SHARE, "A_T / A"), lambda s: cell(s["in_time"], s["answered"])),
    (Column("sl_ast2", "SL with quick abandons", "SL z szybkimi rezygnacjami", SHARE, "(A_T + B_T) / (A + B)"), lambda s: cell(s["in_time"] + s["abandoned_in_time"], s["answered"] + abandoned(s))),
    (Column("sl_all", "SL of all", "SL ze wszystkich", SHARE, "A_T / (A + B)"), lambda s: cell(s["in_time"], s["answered"] + abandoned(s))),
    (Column("sl_noloss", "SL without quick abandons", "SL bez szybkich rezygnacji", SHARE, "A_T / (A + B - B_T)"), lambda s: cell(s["in_time"], s["answered"] + abandoned(s) - s["abandoned_in_time"])),
    (Column("sl_strict", "SL with other exits", "SL z innymi wyjściami", SHARE, "A_T / (A + B - B_S + F)"), lambda s: cell(s["in_time"], s["answered"] + abandoned(s) - s["short"] + other(s))),
    (Column("asa", "mean wait to answer", "średni czas do odebrania", SECONDS, "sum wait(answered) / A"), lambda s: cell(_seconds(s["wait_answered"]), s["answered"])),
    (Column("awt_all", "mean wait of all", "średni czas wszystkich", SECONDS, "sum wait(all exits) / exits"), lambda s: cell(_seconds(s["wait_all"]), ended(s))),
    (Column("ata", "mean wait to giving up", "średni czas do rezygnacji", SECONDS, "sum wait(abandoned) / B"), lambda s: cell(_seconds(s["wait_abandoned"]), abandoned(s))),
    (Column("longest_wait", "longest wait", "najdłuższe czekanie", SECONDS, "max wait(all exits)"), lambda s: _seconds(s["longest"]) if ended(s) else None),
    (Column("abandon_rate", "abandoned share", "odsetek porzuconych", SHARE, "(B - B_S) / (E - B_S)"), lambda s: cell(abandoned(s) - s["short"], s["entered"] - s["short"])),
    (Column("aht", "mean handle time", "średni czas obsługi", SECONDS, "sum (talk + hold + wrap-up) / connected"), lambda s: cell(_seconds(s["talk"] + s["hold"] + s["wrap"]), s["handled"])),
    (Column("offer_accept", "rings answered", "odebrane dzwonienia", SHARE, "answered / (answered + no_answer + rejected)"), lambda s: cell(s["rings_answered"], s["rings_answered"] + s["rings_no_answer"] + s["rings_rejected"])),
    (Column("ewt_bias", "wait foretold too long by", "prognoza za długa o", SECONDS, "sum (told - came true) / told, of answered"), lambda s: cell(s["told_error"] / 10.0, s["told"])),
    (Column("ewt_rmse", "error of the wait foretold", "błąd prognozy czekania", SECONDS, "sqrt(sum (told - came true)^2 / told), of answered"), _rmse),
    (Column("fcr", "settled at once (FCR proxy)", "załatwione za pierwszym razem", SHARE, "(answered with a number - those followed by a call of that number to that queue within 7 days) / answered with a number"), lambda s: cell(s["contacts"] - s["followed_week"], s["contacts"])),
)  # fmt: skip
PERCENTILES: Final = (
    Column("median_wait", "median wait to answer", "mediana czasu do odebrania", SECONDS, "50 % of A waited no longer, in begun seconds"),
    Column("p90_wait", "p90 wait to answer", "p90 czasu do odebrania", SECONDS, "90 % of A waited no longer, in begun seconds"),
    Column("p95_wait", "p95 wait to answer", "p95 czasu do odebrania", SECONDS, "95 % of A waited no longer, in begun seconds"),
)  # fmt: skip
RANKS: Final = (0.5, 0.9, 0.95)
# What an interval says, and a place of the heat map.
INTERVAL_NAMES: Final = (
    "entered", "answered", "abandoned_short", "abandoned", "other", "answer_rate", "sl", "asa", "awt_all", "longest_wait",
    "abandon_rate", "aht",
)  # fmt: skip
OFFERED_ERLANGS: Final = Column(
    "erlangs", "offered traffic (E)", "ruch oferowany (E)", NUMBER, "E x AHT / seconds of the interval"
)


def percentile(bins: Mapping[int, int], rank: float) -> int | None:
    """The smallest number of seconds within which that share of all lies; None: there are none."""
    wanted, seen = math.ceil(rank * sum(bins.values())), 0
    for seconds in sorted(bins):
        seen += bins[seconds]
        if seen >= wanted:
            return seconds
    return None


def of_queue(s: Sums, names: Sequence[str] | None = None) -> dict[str, Cell]:
    return {one.name: make(s) for one, make in QUEUE_FIGURES if names is None or one.name in names}


def queue_columns(names: Sequence[str] | None = None) -> list[Column]:
    return [one for one, _ in QUEUE_FIGURES if names is None or one.name in names]


# --- agents ----------------------------------------------------------------------------------------------------------


def _talk(s: Sums) -> int:
    return s["talk_queue"] + s["talk_outbound"] + s["talk_internal"] + s["talk_consult"]


def _work(s: Sums) -> int:
    return _talk(s) + s["hold"] + s["wrap"]


AGENT_FIGURES: Final[tuple[Made, ...]] = (
    (Column("calls_in", "calls in", "połączenia przychodzące", COUNT, "conversations with callers of queues"), lambda s: s["calls_in"]),
    (Column("calls_out", "calls out", "połączenia wychodzące", COUNT, "calls to numbers outside, dialling included"), lambda s: s["calls_out"]),
    (Column("calls_internal", "internal calls", "połączenia wewnętrzne", COUNT, "calls within the house"), lambda s: s["calls_internal"]),
    (Column("talk", "talk", "rozmowy", SECONDS, "sum talk(queue, outbound, internal, consult), without hold"), lambda s: _seconds(_talk(s))),
    (Column("hold", "hold", "zawieszenie", SECONDS, "sum hold"), lambda s: _seconds(s["hold"])),
    (Column("wrap", "wrap-up", "praca po rozmowie", SECONDS, "sum wrap-up"), lambda s: _seconds(s["wrap"])),
    (Column("idle", "idle", "wolny", SECONDS, "sum ready and nothing to do, back-off included"), lambda s: _seconds(s["idle"] + s["backoff"])),
    (Column("ringing", "ringing", "dzwonienie", SECONDS, "sum offered"), lambda s: _seconds(s["offered"])),
    (Column("not_ready", "pauses", "przerwy", SECONDS, "sum not ready, whatever the reason"), lambda s: _seconds(s["not_ready"])),
    (Column("unreachable", "phone away", "telefon nieosiągalny", SECONDS, "sum ready while the phone cannot be reached"), lambda s: _seconds(s["unreachable"])),
    (Column("logged_in", "logged in", "zalogowany", SECONDS, "sum logged in, pauses included"), lambda s: _seconds(s["logged_in"])),
    (Column("rings", "offers", "oferty", COUNT, "rings of the agent's phone"), lambda s: s["rings"]),
    (Column("rings_answered", "accepted", "odebrane", COUNT, "rings answered"), lambda s: s["rings_answered"]),
    (Column("rings_no_answer", "missed", "nieodebrane", COUNT, "rings not answered in time"), lambda s: s["rings_no_answer"]),
    (Column("rings_rejected", "rejected", "odrzucone", COUNT, "rings rejected by the agent"), lambda s: s["rings_rejected"]),
    (Column("offer_accept", "acceptance", "odsetek odebranych", SHARE, "answered / (answered + no_answer + rejected)"), lambda s: cell(s["rings_answered"], s["rings_answered"] + s["rings_no_answer"] + s["rings_rejected"])),
    (Column("mean_ring", "mean ring", "średni czas dzwonienia", SECONDS, "sum ring / rings"), lambda s: cell(_seconds(s["ring"]), s["rings"])),
    (Column("aht", "mean handle time", "średni czas obsługi", SECONDS, "(talk(queue) + hold + wrap-up) / conversations with callers"), lambda s: cell(_seconds(s["talk_queue"] + s["hold"] + s["wrap"]), s["calls_in"])),
    (Column("occupancy", "occupancy", "zajętość", SHARE, "(talk + hold + wrap-up) / (talk + hold + wrap-up + idle while ready)"), lambda s: cell(_seconds(_work(s)), _seconds(_work(s) + s["idle"] + s["backoff"]))),
    (Column("utilisation", "utilisation", "wykorzystanie", SHARE, "(talk + hold + wrap-up) / logged in"), lambda s: cell(_seconds(_work(s)), _seconds(s["logged_in"]))),
)  # fmt: skip

GAMING_FIGURES: Final[tuple[Made, ...]] = (
    (Column("rings", "offers", "oferty", COUNT, "rings of the agent's phone"), lambda s: s["rings"]),
    (Column("mean_ring", "mean ring", "średni czas dzwonienia", SECONDS, "sum ring / rings"), lambda s: cell(_seconds(s["ring"]), s["rings"])),
    (Column("offer_accept", "acceptance", "odsetek odebranych", SHARE, "answered / (answered + no_answer + rejected)"), lambda s: cell(s["rings_answered"], s["rings_answered"] + s["rings_no_answer"] + s["rings_rejected"])),
    (Column("short_answers", "hung up within 10 s", "rozłączone do 10 s", SHARE, "answered, talk < 10 s and ended by the agent, not by a transfer / answered"), lambda s: cell(s["short_answers"], s["rings_answered"])),
    (Column("own_calls", "calls to oneself", "połączenia do siebie", COUNT, "answered calls from the very phone at which the agent is logged in"), lambda s: s["own_calls"]),
    (Column("pauses", "pauses", "przerwy", COUNT, "pauses begun"), lambda s: s["pauses"]),
)  # fmt: skip


def of_agent(s: Sums, figures: Sequence[Made] = AGENT_FIGURES) -> dict[str, Cell]:
    return {one.name: make(s) for one, make in figures}


def columns_of(figures: Sequence[Made]) -> list[Column]:
    return [one for one, _ in figures]
