"""Customers' cards, and what customers answer in surveys."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from softswitch.cli.attach import Attached
from softswitch.cli.context import attach as attached
from softswitch.cli.output import UNKNOWN, Failure, config_option, emit, json_option, many, table

if TYPE_CHECKING:
    from softswitch.customers_file import ProblemList

PORTION = 200  # cards that are sent, or asked for, at once


@click.group()
def customers() -> None:
    """Customers' cards: who calls from which number, and what the switch should know of them."""


@customers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="The file is the whole list: whoever is not in it is deleted.")
@click.option("--check", is_flag=True, help="Only look whether the file is right.")
@config_option
@json_option
def import_(file: Path, replace: bool, check: bool, config: Path | None, as_json: bool) -> None:
    """Add and replace cards from a CSV file; nothing is changed if anything in it is wrong.

    Columns: customer (the customer number), name, numbers (separated by |), language, vip, segment, manager (an agent),
    do_not_call; any other column is a field of the card. A row without a customer number is the customer's who has one of its
    telephone numbers.
    """
    from softswitch.call.customers import Customer
    from softswitch.codepages import decoded
    from softswitch.customers_file import ProblemList, read

    found: dict[str, dict[str, Any]] = {}

    def owner(number: str) -> str:
        try:
            card: dict[str, Any] = switch.call("customer_show", number=number)
        except Failure as failure:
            if failure.exit_code != UNKNOWN:
                raise
            return ""
        found[card["customer"]] = card
        return str(card["customer"])

    def card_of(customer: str) -> Customer:
        card = dict(found[customer])
        return Customer(card.pop("customer"), **card | {"numbers": tuple(card["numbers"]), "tags": tuple(card["tags"])})

    problems = ProblemList()
    with attached(config) as switch:
        known = switch.call("customers", verb="count")
        agents = {one["agent"] for one in switch.call("agents")}
        rows = read(decoded(file.read_bytes()), known["country"], problems, agents=agents, owner=owner, known=card_of)
        _stop(file, problems)
        if replace and not rows:
            raise Failure(f"{file} names no customer.", "To delete all cards: softswitch customers delete.")
        done = {"customers": len(rows), "deleted": 0, "checked": check}
        if not check:
            done["deleted"] = _send(switch, rows, replace)
    emit(done, as_json, _show_import)


def _stop(file: Path, problems: ProblemList) -> None:
    if problems.count:
        more = problems.count - len(problems.found)
        lines = "\n".join(f"  {one}" for one in problems.found) + (f"\n  ... and {more} more" if more else "")
        raise Failure(
            f"{file} cannot be imported:\n{lines}", "Nothing was changed. Correct the file and import it again."
        )


def _send(switch: Attached, rows: list[dict[str, Any]], replace: bool) -> int:
    token = secrets.token_hex(8) if replace else ""
    for start in range(0, len(rows), PORTION):
        switch.call("customers", verb="put", rows=rows[start : start + PORTION], token=token)
    return int(switch.call("customers", verb="finish", token=token)) if replace else 0


def _show_import(done: dict[str, Any]) -> None:
    if done["checked"]:
        click.echo(f"The file is right: {many(done['customers'], 'customer')}. Nothing was changed.")
    else:
        click.echo(
            f"{many(done['customers'], 'customer')} imported"
            + (f", {done['deleted']} deleted." if done["deleted"] else ".")
        )


def _all(switch: Attached) -> Iterator[dict[str, Any]]:
    last = ""
    while rows := switch.call("customers", verb="list", after=last, limit=PORTION):
        yield from rows
        last = rows[-1]["customer"]


@customers.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
def export(file: Path, config: Path | None) -> None:
    """Write all cards to a CSV file, from which they can be imported."""
    from softswitch.customers_file import write

    with attached(config) as switch:
        rows = list(_all(switch))
    try:
        file.write_text(write(rows), encoding="utf-8", newline="")
        file.chmod(0o600)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}.", "Name another file.") from None
    click.echo(f"{len(rows)} customers: {file}")


@customers.command("list")
@click.option("--after", default="", help="From behind this customer number on.")
@click.option("--limit", default=50, type=click.IntRange(1, 5_000), help="How many.")
@config_option
@json_option
def list_(after: str, limit: int, config: Path | None, as_json: bool) -> None:
    """Show cards by customer number."""
    with attached(config) as switch:
        emit(switch.call("customers", verb="list", after=after, limit=limit), as_json, _show)


def _show(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["customer", "name", "numbers", "language", "VIP", "segment", "manager", "fields"],
        [
            [
                one["customer"], one["name"], ", ".join(one["numbers"]), one["language"], "yes" if one["vip"] else "",
                one["segment"], one["manager"], ", ".join(f"{name}={value}" for name, value in one["fields"].items()),
            ]
            for one in rows
        ],
        empty="There are no customers. Give some: softswitch customers import FILE",
    )  # fmt: skip


@customers.command("show")
@click.argument("who")
@config_option
@json_option
def show(who: str, config: Path | None, as_json: bool) -> None:
    """Show the card of a customer number, or of a telephone number."""
    with attached(config) as switch:
        emit(switch.call("customers", verb="show", who=who), as_json, lambda one: _show([one]))


@customers.command("set")
@click.argument("customer")
@click.option("--name", help="The name.")
@click.option("--number", "numbers", multiple=True, help="A telephone number; all numbers of the card must be given.")
@click.option("--language", help="Of the prompts they hear.")
@click.option("--vip/--no-vip", default=None, help="Whether they are treated with preference.")
@click.option("--do-not-call/--may-be-called", default=None, help="Whether campaigns leave them out.")
@click.option("--segment", help="A group of customers.")
@click.option("--company", help="Where they work.")
@click.option("--email", help="Their address.")
@click.option("--link", help="Where another program has them, such as https://crm.example.com/17.")
@click.option("--tag", "tags", multiple=True, help="A list that they are on; all lists of the card must be given.")
@click.option("--manager", help='The agent who looks after them; "" = nobody.')
@click.option("--field", "fields", multiple=True, help='A further field, as NAME=VALUE; "NAME=" removes it.')
@config_option
@json_option
def set_(
    customer: str, numbers: tuple[str, ...], tags: tuple[str, ...], fields: tuple[str, ...], config: Path | None,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Add a card, or change what is given of one."""
    with attached(config) as switch:
        try:
            row = switch.call("customers", verb="show", who=customer)
        except Failure as failure:
            if failure.exit_code != UNKNOWN:
                raise
            row = {}
        if row.get("customer") != customer:
            row = {"customer": customer, "fields": {}}
        row |= {name: value for name, value in given.items() if value is not None}
        if numbers:
            row["numbers"] = list(numbers)
        if tags:
            row["tags"] = list(tags)
        row["fields"] = _fields(row["fields"], fields)
        switch.call("customers", verb="put", rows=[row])
        emit(switch.call("customers", verb="show", who=customer), as_json, lambda one: _show([one]))


def _fields(known: dict[str, str], given: tuple[str, ...]) -> dict[str, str]:
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{one!r} is not NAME=VALUE.")
        known[name] = value
    return {name: value for name, value in known.items() if value}


@customers.command("find")
@click.argument("text", default="")
@click.option("--tag", default="", help="Only those on this list.")
@click.option("--manager", default="", help="Only those whom this agent looks after.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200), help="How many.")
@config_option
@json_option
def find(text: str, tag: str, manager: str, limit: int, config: Path | None, as_json: bool) -> None:
    """Find customers by parts of customer number, name, company, e-mail or telephone number."""
    with attached(config) as switch:
        found = switch.call("customer_find", text=text, tag=tag, manager=manager, limit=limit)
    emit(found, as_json, _show_found)


def _show_found(found: list[dict[str, Any]]) -> None:
    table(
        "", ["customer", "name", "company", "numbers", "e-mail", "VIP", "manager", "lists"],
        [
            [
                one["customer"], one["name"], one["company"], ", ".join(one["numbers"]), one["email"],
                "yes" if one["vip"] else "", one["manager"], ", ".join(one["tags"]),
            ]
            for one in found
        ],
        empty="Nobody is found.",
    )  # fmt: skip


@customers.command("history")
@click.argument("customer")
@config_option
@json_option
def history(customer: str, config: Path | None, as_json: bool) -> None:
    """Show notes and the last calls of a customer, and what agents said that they were about."""
    with attached(config) as switch:
        emit(switch.call("customer_card", customer=customer), as_json, _show_history)


def _show_history(card: dict[str, Any]) -> None:
    click.echo(f"{card['customer']}   {card['name']}   {', '.join(card['numbers'])}")
    for one in card["notes"]:
        click.echo(f"{_moment(one['at'])}   {one['author']}: {one['text']}")
    said = {one["call"]: one["disposition"] for one in card["dispositions"]}
    table(
        "", ["at", "call", "from", "to", "queue", "agent", "outcome", "disposition"],
        [
            [
                _moment(one["started_at"]), one["call"], one["caller"], one["dialled"], one["queue"], one["agent"],
                one["outcome"], said.get(one["call"], ""),
            ]
            for one in card["calls"]
        ],
        empty="No calls.",
    )  # fmt: skip


def _moment(at: float) -> str:
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


@customers.command("note")
@click.argument("customer")
@click.argument("text")
@click.option("--call", default="", help="The call that it is about.")
@config_option
@json_option
def note(customer: str, text: str, call: str, config: Path | None, as_json: bool) -> None:
    """Write something down about a customer."""
    with attached(config) as switch:
        found = switch.call("customer_note", customer=customer, text=text, call=call)
    emit(found, as_json, lambda one: click.echo(f"Note {one['note']} on {one['customer']}."))


@customers.command("merge")
@click.argument("customer")
@click.argument("other")
@config_option
@json_option
def merge(customer: str, other: str, config: Path | None, as_json: bool) -> None:
    """Make one customer of two: OTHER's numbers, lists, notes and calls become CUSTOMER's, and OTHER is no more."""
    with attached(config) as switch:
        emit(switch.call("customer_merge", customer=customer, other=other), as_json, lambda one: _show([one]))


@customers.command("delete")
@click.argument("customer", nargs=-1, required=True)
@config_option
@json_option
def delete(customer: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Delete cards for good, by customer number."""
    with attached(config) as switch:
        count = switch.call("customers", verb="delete", customers=list(customer))
    emit(count, as_json, lambda gone: click.echo(f"{gone} deleted."))


# --- surveys ---------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("name", default="")
@click.option("--by", default="", type=click.Choice(["", "agent", "queue", "customer"]), help="One line for each.")
@click.option("--days", default=30.0, type=click.FloatRange(min=0.0, min_open=True), help="Of the last so many days.")
@click.option("--answers", is_flag=True, help="Single answers in place of figures.")
@config_option
@json_option
def survey(name: str, by: str, days: float, answers: bool, config: Path | None, as_json: bool) -> None:
    """What callers have answered after their calls."""
    since = datetime.datetime.now().timestamp() - 86_400.0 * days
    with attached(config) as switch:
        found = switch.call("surveys", survey=name, by=by, since=since, answers=answers)
    emit(found, as_json, _show_answers if answers else _show_figures)


def _show_figures(found: list[dict[str, Any]]) -> None:
    table(
        "", ["survey", "question", "of", ">answers", ">mean", ">lowest", ">highest"],
        [
            [one["survey"], one["question"], one["group"], one["answers"], f"{one['mean']:.2f}", one["lowest"], one["highest"]]
            for one in found
        ],
        empty="Nobody has answered.",
    )  # fmt: skip


def _show_answers(found: list[dict[str, Any]]) -> None:
    table(
        "", ["at", "call", "survey", "question", ">score", "queue", "agent", "customer"],
        [
            [
                datetime.datetime.fromtimestamp(one["at"]).astimezone().strftime("%Y-%m-%d %H:%M"), one["call"],
                one["survey"], one["question"], one["score"], one["queue"], one["agent"], one["customer"],
            ]
            for one in found
        ],
        empty="Nobody has answered.",
    )  # fmt: skip
