"""Transfers by order: `softswitch transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option

VERBS = ("complete", "abort", "swap", "merge", "escalate")
DONE = {
    "complete": "They talk to each other.",
    "abort": "They are together again.",
    "swap": "Now the other one is heard.",
    "merge": "They hear each other.",
    "escalate": "It goes to a supervisor.",
}


@click.command()
@click.argument("call")
@click.option("--to", default="", help="Whom to lead the other party to: an account, a queue's number, any number.")
@click.option("--attended/--blind", default=False, help="Ask there first, or lead them there at once (the default).")
@click.option("--from", "by", default="", help="The account that transfers; without it, whoever was called.")
@click.option("--note", default="", help="A note for whoever takes the call.")
@click.option("--customer", default="", help="The customer's number, for the programs of whoever takes the call.")
@click.option("--complete", "verb", flag_value="complete", help="Leave the two to each other.")
@click.option("--abort", "verb", flag_value="abort", help="Come back to the caller.")
@click.option("--swap", "verb", flag_value="swap", help="Talk to the other one of the two.")
@click.option("--merge", "verb", flag_value="merge", help="Bring all three together.")
@click.option("--escalate", "verb", flag_value="escalate", help="To a free supervisor, else to the head of the queue.")
@config_option
@json_option
def transfer(
    call: str, to: str, attended: bool, by: str, note: str, customer: str, verb: str | None, config: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Lead a call elsewhere by its id (see `softswitch calls`), at once or after a consultation on the same line."""
    if bool(to) == bool(verb):
        raise click.UsageError("Say where to with --to, or one of " + ", ".join(f"--{one}" for one in VERBS) + ".")
    with attached(config) as switch:
        if verb:
            done: dict[str, Any] = switch.call("steer_transfer", call=call, verb=verb)
        else:
            done = switch.call("transfer", call=call, to=to, attended=attended, by=by, note=note, customer=customer)
    said = DONE[verb] if verb else f"{to} is {'asked' if attended else 'called'}."
    emit(done, as_json, lambda one: click.echo(said))
