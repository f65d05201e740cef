"""Lists of customers as CSV, as other programs write and read them. What is wrong names its line and its column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from softswitch.call.customers import Customer
from softswitch.codepages import delimiter_of, table
from softswitch.exporting import harmless
from softswitch.numbers import normalise

COLUMNS: Final = (
    "customer", "name", "numbers", "language", "vip", "segment", "manager", "company", "email", "link", "tags",
    "do_not_call",
)  # fmt: skip
# Other headings of the same columns, in lower case.
HEADINGS: Final[Mapping[str, str]] = {
    "id": "customer", "customer_id": "customer", "customer id": "customer", "klient": "customer", "nr klienta": "customer",
    "numer klienta": "customer", "nazwa": "name", "nazwisko": "name", "imię i nazwisko": "name", "number": "numbers",
    "phone": "numbers", "phones": "numbers", "telefon": "numbers", "telefony": "numbers", "numer": "numbers",
    "numery": "numbers", "język": "language", "jezyk": "language", "opiekun": "manager", "account manager": "manager",
    "firma": "company", "e-mail": "email", "mail": "email", "adres": "link", "url": "link", "etykiety": "tags", "listy": "tags",
    "nr telefonu": "numbers", "numer telefonu": "numbers", "tel": "numbers", "tel.": "numbers", "komórka": "numbers",
    "imię nazwisko": "name", "nie dzwonić": "do_not_call", "nie dzwonic": "do_not_call", "do not call": "do_not_call",
}  # fmt: skip
TRUE: Final = frozenset(("1", "yes", "true", "tak", "y", "t", "vip", "x"))
FALSE: Final = frozenset(("", "0", "no", "false", "nie", "n", "f"))
MOST_NUMBERS: Final = 20
MOST_FIELDS: Final = 40
MOST_TAGS: Final = 20
LONGEST_TAG: Final = 40
LONGEST: Final[Mapping[str, int]] = {
    "customer": 64, "name": 128, "segment": 64, "manager": 64, "language": 8, "company": 128, "email": 254, "link": 512,
}  # fmt: skip
LONGEST_FIELD: Final = 512
MOST_PROBLEMS: Final = 50
LEFT_OUT: Final = "-"  # a column that nobody wants
SHOWN: Final = 60  # characters of a wrong value that are repeated
_between_tags = re.compile(r"[|;,]").split
_between = re.compile(r"[|;,/]").split
# What an import has put into its one spelling already: asking the library again would take most of its time.
_is_spelt = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII).fullmatch
_is_email = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}").fullmatch
_is_link = re.compile(r"https?://[^\s/]+(/\S*)?").fullmatch
_is_language = re.compile(r"[a-z]{2}(-[A-Za-z]{2})?").fullmatch


@dataclass(slots=True)
class ProblemList:
    """What is wrong with a file; the first ones, and how many there are."""

    found: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, where: str, column: str, value: object, expected: str) -> None:
        self.count += 1
        if len(self.found) < MOST_PROBLEMS:
            place = f"{where}, column {column}" if where else column
            shown = repr(value)
            shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 4] + "...'"
            self.found.append(f"{place}: {shown}; expected {expected}")


def read(
    text: str,
    country: str,
    problems: ProblemList,
    *,
    agents: Collection[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    owner: Callable[[str], str] = lambda number: "",
    known: Callable[[str], Customer | None] = lambda customer: None,
) -> list[dict[str, Any]]:
    """The rows of a file; what is wrong goes to `problems`. `agents`: who may be an account manager, None = not looked at.

    `mapping`: headings of the file -> what they are; "" = the column is left out. A row without a customer number is the
    customer's whose (`owner`) one of its numbers is: what the file does not say of them stays as it is (`known`).
    """
    text, before = table(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    found = _rows(reader, problems)
    columns = [_column(one, mapping or {}) for one in next(found, [])]
    if not _check_header(columns, problems):
        return []
    rows: list[dict[str, Any]] = []
    customers: dict[str, str] = {}
    owners: dict[str, str] = {}
    for cells in found:
        where = f"line {reader.line_num + before}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns):
            problems.add(
                where, str(len(columns) + 1), cells[len(columns)], f"{len(columns)} columns, as in the first line"
            )
            continue
        row = _row(columns, cells)
        if not row.get("customer"):
            row = _by_number(row, country, problems, where, owner, known)
        one = customer_of(row, country, problems, agents=agents, where=where)
        if one.id in customers:
            problems.add(where, "customer", one.id, f"each customer once: it is in {customers[one.id]} as well")
        customers[one.id] = where
        for number in one.numbers:
            if (other := owners.setdefault(number, one.id)) != one.id:
                problems.add(where, "numbers", number, f"a number of one customer: it is that of {other} as well")
        rows.append(row_of(one))
    return rows


def _rows(reader: Iterator[list[str]], problems: ProblemList) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        problems.add("", "file", str(error), "CSV")


def _by_number(
    row: dict[str, Any], country: str, problems: ProblemList, where: str, owner: Callable[[str], str],
    known: Callable[[str], Customer | None],
) -> dict[str, Any]:  # fmt: skip
    """A row with the customer number of whoever has its telephone number; of nobody's a new one."""
    numbers = _numbers(row.get("numbers"), country, ProblemList(), where)
    if not numbers:
        problems.add(where, "customer", "", "a customer number, or a telephone number by which the customer is found")
        return row | {"customer": f"? {where}"}
    owners = sorted({found for one in numbers if (found := owner(one))})
    if len(owners) > 1:
        problems.add(
            where, "numbers", row["numbers"], f"numbers of one customer: they are those of {', '.join(owners)}"
        )
    card = known(owners[0]) if owners else None
    if card is None:
        # The same for a look at a file and for its import.
        return row | {"customer": f"c-{sha256(numbers[0].encode()).hexdigest()[:10]}"}
    kept = row_of(card)
    given = {
        name: value for name, value in row.items() if value not in ("", None) and name not in ("numbers", "fields")
    }
    together = list(dict.fromkeys((*card.numbers, *numbers)))
    return kept | given | {"numbers": together, "fields": {**kept["fields"], **row.get("fields", {})}}


def headings(text: str) -> dict[str, str]:
    """The headings of a file, and what each is taken for."""
    text, _ = table(text)
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text)), [])
    except csv.Error:
        return {}
    return {one.strip(): _column(one, {}) for one in first}


def _column(heading: str, mapping: Mapping[str, str]) -> str:
    if heading.strip() in mapping:
        return mapping[heading.strip()].strip().lower() or LEFT_OUT
    plain = heading.strip().lower()
    return HEADINGS.get(plain, plain)


def _check_header(columns: Sequence[str], problems: ProblemList) -> bool:
    before = problems.count
    if "customer" not in columns and "numbers" not in columns:
        problems.add(
            "line 1",
            "1",
            ", ".join(columns),
            f"headings, customer or numbers among them; known are {', '.join(COLUMNS)}",
        )
    for name in {one for one in columns if columns.count(one) > 1 and one != LEFT_OUT}:
        problems.add("line 1", name, name, "each heading once")
    if "" in columns:
        problems.add("line 1", str(columns.index("") + 1), "", "a heading")
    return problems.count == before


def _row(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    values = {name: _as_it_was(cell.strip()) for name, cell in zip(columns, cells, strict=False)}
    values.pop(LEFT_OUT, None)
    row: dict[str, Any] = {name: values.pop(name) for name in COLUMNS if name in values}
    row["fields"] = {name: value for name, value in values.items() if value}
    return row


def customer_of(
    row: Mapping[str, Any], country: str, problems: ProblemList, *, agents: Collection[str] | None = None, where: str = ""
) -> Customer:  # fmt: skip
    """A customer from a row; what is wrong goes to `problems`."""
    texts = {name: str(row.get(name) or "").strip() for name in LONGEST}
    for name, longest in LONGEST.items():
        if len(texts[name]) > longest or not texts[name].isprintable():
            problems.add(where, name, texts[name][:80], f"at most {longest} characters on one line")
    if not texts["customer"]:
        problems.add(where, "customer", "", "a customer number")
    language = texts["language"].lower()
    if language and not _is_language(language):
        problems.add(where, "language", texts["language"], 'a language code such as "pl"')
    if texts["email"] and not _is_email(texts["email"]):
        problems.add(where, "email", texts["email"], 'an address such as "jan@example.com"')
    if texts["link"] and not _is_link(texts["link"]):
        problems.add(where, "link", texts["link"], 'an address such as "https://crm.example.com/17"')
    if agents is not None and texts["manager"] and texts["manager"] not in agents:
        problems.add(where, "manager", texts["manager"], "the name of an agent of the site")
    fields = row.get("fields") or {}
    if not isinstance(fields, Mapping) or len(fields) > MOST_FIELDS:
        problems.add(where, "fields", "", f"at most {MOST_FIELDS} further columns")
        fields = {}
    for name, value in fields.items():
        if len(str(value)) > LONGEST_FIELD or name in COLUMNS or name == "id":
            problems.add(
                where, str(name), str(value)[:80], f"at most {LONGEST_FIELD} characters, in a column of another name"
            )
    numbers = _numbers(row.get("numbers"), country, problems, where)
    return Customer(
        texts["customer"], texts["name"], numbers, language, _vip(row.get("vip"), problems, where), texts["segment"],
        texts["manager"], {str(name): str(value) for name, value in fields.items()}, texts["company"], texts["email"],
        texts["link"], _tags(row.get("tags"), problems, where), _vip(row.get("do_not_call"), problems, where, "do_not_call"),
    )  # fmt: skip


def _tags(value: object, problems: ProblemList, where: str) -> tuple[str, ...]:
    written: Iterable[object] = value if isinstance(value, (list, tuple)) else _between_tags(str(value or ""))
    found = tuple(dict.fromkeys(tag for one in written if (tag := str(one).strip())))
    if len(found) > MOST_TAGS or any(len(one) > LONGEST_TAG or not one.isprintable() or "|" in one for one in found):
        problems.add(where, "tags", "|".join(found), f"at most {MOST_TAGS} of at most {LONGEST_TAG} characters")
    return found


def _numbers(value: object, country: str, problems: ProblemList, where: str) -> tuple[str, ...]:
    listed = isinstance(value, (list, tuple))  # by a program, which has read them once
    written: Iterable[object] = value if isinstance(value, (list, tuple)) else _between(str(value or ""))
    found: dict[str, None] = {}
    for one in written:
        text = str(one).strip()
        if not text:
            continue
        number = text if listed and _is_spelt(text) else normalise(text, country)
        if number:
            found[number] = None
        else:
            problems.add(where, "numbers", text, 'telephone numbers such as "+48221234567|600100200"')
    if len(found) > MOST_NUMBERS:
        problems.add(where, "numbers", len(found), f"at most {MOST_NUMBERS}")
    return tuple(found)


def _vip(value: object, problems: ProblemList, where: str, column: str = "vip") -> bool:
    text = str(value if value is not None else "").strip().lower()
    if text not in TRUE and text not in FALSE:
        problems.add(where, column, text, "yes or no")
    return text in TRUE


def row_of(one: Customer) -> dict[str, Any]:
    """A customer as JSON values."""
    return {
        "customer": one.id, "name": one.name, "numbers": list(one.numbers), "language": one.language, "vip": one.vip,
        "segment": one.segment, "manager": one.manager, "fields": dict(one.fields), "company": one.company,
        "email": one.email, "link": one.link, "tags": list(one.tags), "do_not_call": one.do_not_call,
    }  # fmt: skip


def write(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV, in a form that `read` reads."""
    rows = list(rows)
    further = sorted({name for row in rows for name in row["fields"]})
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow((*COLUMNS, *further))
    for row in rows:
        fixed: list[Any] = [_harmless(str(row.get(name, ""))) for name in COLUMNS]
        fixed[2], fixed[4] = "|".join(row.get("numbers", ())), "yes" if row.get("vip") else "no"
        fixed[10] = _harmless("|".join(row.get("tags", ())))
        fixed[11] = "yes" if row.get("do_not_call") else "no"
        writer.writerow((*fixed, *(_harmless(str(row["fields"].get(name, ""))) for name in further)))
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet does not take for a formula, and that `_as_it_was` reads back."""
    return f"'{cell}" if harmless(cell.lstrip("'")) != cell.lstrip("'") else cell


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and _harmless(cell[1:]) == cell else cell
