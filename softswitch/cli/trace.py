"""`softswitch trace`: the messages of a call, as a ladder, in full, or as a file for other programs."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import Failure, config_option, emit, json_option, table


@click.command()
@click.argument("call", required=False)
@click.option("--full", is_flag=True, help="Print the messages whole, below the ladder.")
@click.option(
    "--mask", is_flag=True, help="Hide numbers but for three digits, and names: for a trace that leaves the house."
)
@click.option(
    "--pcap", type=click.Path(path_type=Path), help="Write the messages to this file, for Wireshark or sngrep."
)
@config_option
@json_option
def trace(call: str | None, full: bool, mask: bool, pcap: Path | None, config: Path | None, as_json: bool) -> None:
    """Show the SIP messages of a CALL, or list the last calls.

    CALL is the id of a call (see `softswitch calls`), a Call-ID, or an account or number: then its last call. Digests of
    passwords and media keys are never shown.
    """
    with attached(config) as switch:
        if call is None:
            emit(switch.call("traces"), as_json, _show_recent)
            return
        found = switch.call("trace", what=call, mask=mask, pcap=pcap is not None)
    if pcap is not None:
        try:
            pcap.write_bytes(base64.b64decode(found.pop("pcap")))
        except OSError as error:
            raise Failure(f"{pcap}: {error.strerror}.", "Name a file that you may write.") from None
    emit(found["messages"], as_json, lambda messages: _show(messages, full, pcap))


def _show_recent(calls: list[dict[str, Any]]) -> None:
    table(
        "", ["call", "at", "from", "to", ">messages", "answer"],
        [
            [
                one["call"], time.strftime("%H:%M:%S", time.localtime(one["at"])), one["from"], one["to"],
                one["messages"], one["status"],
            ]
            for one in calls
        ],
        empty="No call is in the trace.",
    )  # fmt: skip


def _show(messages: list[dict[str, Any]], full: bool, pcap: Path | None) -> None:
    from softswitch.trace import ladder

    for line in ladder(messages):
        click.echo(line)
    if full:
        for one in messages:
            stamp = time.strftime("%H:%M:%S", time.localtime(one["at"])) + f"{one['at'] % 1:.3f}"[1:]
            arrow = "from" if one["incoming"] else "to"
            click.secho(f"\n{stamp} {arrow} {one['peer']}", bold=True)
            click.echo(one["text"].replace("\r\n", "\n").rstrip("\n"))
    if pcap is not None:
        click.echo(f"\n{len(messages)} messages in {pcap}")
