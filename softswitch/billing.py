"""An operator's bill as contacts of a queue: what can be planned from before softswitch is installed (RPT-13).

Any CSV with a moment and a duration for each call. The delimiter, the encoding and the columns are found out; what cannot be
is asked for by name. A row that cannot be read is an error with its line, not a call that is silently missing.
"""

from __future__ import annotations

import csv
import datetime
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from softswitch.acd.workload import Contact
from softswitch.codepages import decoded
from softswitch.errors import SoftswitchError

SAMPLE: Final = 16_384  # characters from which the delimiter is found out
MAX_PROBLEMS: Final = 5  # rows that an error names

# What a column is for -> names that bills give it, folded by `_fold`.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "start": (
        "start", "start time", "starttime", "started at", "data i czas", "data i godzina", "czas rozpoczecia", "data rozpoczecia",
        "poczatek", "poczatek polaczenia", "data polaczenia", "datetime", "date time", "calldate", "call date", "timestamp",
    ),
    "date": ("date", "data", "dzien", "day"),
    "time": ("time", "czas", "godzina", "hour"),
    "duration": (
        "duration", "billsec", "talk time", "talk seconds", "czas trwania", "czas rozmowy", "czas trwania rozmowy", "dlugosc",
        "duration s", "duration sec", "duration seconds", "czas trwania s", "sekundy", "seconds",
    ),
    "waited": ("waited", "wait", "wait time", "queue time", "czas oczekiwania", "oczekiwanie"),
    "number": ("number", "dialled", "dialed", "called", "called number", "destination", "dst", "to", "numer wybrany", "numer b"),
}  # fmt: skip
REQUIRED: Final = ("start", "duration")

_FORMATS: Final = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d%H%M%S",
)  # fmt: skip
_clock = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2})(?:[.,]\d+)?").fullmatch
_plain = re.compile(r"(\d{1,7})(?:[.,](\d{1,6}))?\s*s?").fullmatch
_ACCENTS: Final = str.maketrans("ąćęłńóśźż_-.()[]", "acelnoszz       ")


class BillingError(SoftswitchError):
    """The file is no bill that can be read: the message says where, and what was expected."""


def contacts(
    path: Path, *, columns: Mapping[str, str] | None = None, numbers: Collection[str] = (), wrap_up: float = 0.0
) -> list[Contact]:
    """The calls of a bill. `columns`: use -> the name of the column ("start" -> "Data"); `numbers`: only calls to these;
    `wrap_up`: seconds added to every conversation. Raises BillingError.
    """
    text = _text(path)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:SAMPLE], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    rows = csv.reader(text.splitlines(), dialect)
    header = next(rows, None)
    if not header:
        raise BillingError(f"{path} is empty: expected a line of column names and a line for each call")
    places = _places(path, header, columns or {})
    found, problems = [], []
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        try:
            contact = _contact(row, places, numbers, wrap_up)
        except (ValueError, IndexError) as error:
            problems.append(f"line {rows.line_num}: {error if isinstance(error, ValueError) else 'too few columns'}")
            continue
        if contact is not None:
            found.append(contact)
    if problems:
        shown = "; ".join(problems[:MAX_PROBLEMS])
        more = f"; and {len(problems) - MAX_PROBLEMS} more lines" if len(problems) > MAX_PROBLEMS else ""
        raise BillingError(f"{path}: {shown}{more}")
    return found


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BillingError(f"{path} cannot be read: {error.strerror}") from None
    text = decoded(data)
    if "\ufffd" in text or "\x00" in text:
        raise BillingError(f"{path} is no text: expected CSV in UTF-8, Windows-1250 or ISO-8859-2")
    return text


def _places(path: Path, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Where each use stands. Names that the user gave come first; a date and a time make a start."""
    folded = [_fold(name) for name in header]
    places: dict[str, int] = {}
    for use, name in columns.items():
        if use not in NAMES:
            raise BillingError(f"there is no use {use!r} for a column: expected one of {', '.join(NAMES)}")
        if _fold(name) not in folded:
            raise BillingError(f"{path} has no column {name!r}: its columns are {', '.join(header)}")
        places[use] = folded.index(_fold(name))
    for use, names in NAMES.items():
        at = next((folded.index(name) for name in names if name in folded), None)
        if use not in places and at is not None and at not in places.values():
            places[use] = at
    if "start" not in places and "date" in places:
        places["start"] = places["date"]
    missing = [use for use in REQUIRED if use not in places]
    if missing:
        raise BillingError(
            f"{path} has no column that is known as {' or '.join(missing)}: its columns are {', '.join(header)}; "
            f"say which with --column {missing[0]}=NAME"
        )
    return places


def _fold(name: str) -> str:
    return " ".join(name.lower().translate(_ACCENTS).split())


def _contact(row: Sequence[str], places: Mapping[str, int], numbers: Collection[str], wrap_up: float) -> Contact | None:
    if numbers and "number" in places and row[places["number"]].strip() not in numbers:
        return None
    moment = row[places["start"]].strip()
    if "time" in places and places["start"] == places.get("date"):
        moment = f"{moment} {row[places['time']].strip()}"
    at = _moment(moment)
    talk = _seconds(row[places["duration"]])
    waited = _seconds(row[places["waited"]]) if "waited" in places else None
    handled = talk + wrap_up if talk > 0.0 else None
    return Contact(at.date().toordinal(), at.hour * 60 + at.minute, waited, handled, handled is None)


def _moment(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no date and time such as 2026-11-22 09:30:00 or 22.11.2026 09:30")


def _seconds(text: str) -> float:
    """Seconds from "125", "125,4", "2:05" or "0:02:05"; an empty cell is 0."""
    text = text.strip()
    if not text:
        return 0.0
    if (clock := _clock(text)) is not None:
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600.0 + int(minutes) * 60.0 + int(seconds)
    if (plain := _plain(text)) is not None:
        return float(f"{plain[1]}.{plain[2] or 0}")
    raise ValueError(f"{text!r} is no duration such as 125, 2:05 or 0:02:05")


def column_option(pairs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """ "start=Data i czas" as (use, name). Raises BillingError."""
    for pair in pairs:
        use, sign, name = pair.partition("=")
        if not sign or not name:
            raise BillingError(f'--column {pair!r}: expected USE=NAME, for example start="Data i czas"')
        yield use.strip(), name.strip()
