"""Webhooks: programs that are told what happens. `add`, `remove` work without a running switch, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli import receivers
from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option
from softswitch.cli.site import edit


@click.group()
def webhook() -> None:
    """Programs that are told what happens, by signed HTTP requests (docs/webhooks.md)."""


receivers.add_commands(webhook, "webhook", "webhook")


@webhook.command("add")
@click.argument("webhook")
@click.argument("url")
@click.option("--event", "events", multiple=True, help='Such as "call.ended" or "queue"; several times. Default: all.')
@click.option("--queue", "queues", multiple=True, help="Only events of this queue; several times.")
@click.option("--title", default="", help="What it is for.")
@config_option
@json_option
def add(
    webhook: str, url: str, events: tuple[str, ...], queues: tuple[str, ...], title: str, config: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell a program from now on what happens; the secret that it checks signatures with is shown once."""
    options: dict[str, Any] = {"webhook": webhook, "url": url, "title": title}
    made = edit(config, "webhook_add", events=list(events), queues=list(queues), **options)
    emit(made, as_json, _show_added)


def _show_added(made: dict[str, Any]) -> None:
    click.echo(f"Webhook {made['webhook']} tells {made['url']} about: {', '.join(made['events'])}.")
    click.echo(f"Secret: {made['secret']}   (shown only now)")


@webhook.command("remove")
@click.argument("webhook")
@config_option
@json_option
def remove(webhook: str, config: Path | None, as_json: bool) -> None:
    """Tell a program nothing any more, and forget how far it was."""
    gone = edit(config, "webhook_remove", webhook=webhook)
    emit(gone, as_json, lambda one: click.echo(f"{one['webhook']} is removed."))


@webhook.command("secret")
def secret() -> None:
    """Print a new secret for site.toml. Nothing is changed."""
    from softswitch.editing.hooks import new_secret

    click.echo(new_secret())


@webhook.command("test")
@click.argument("webhook")
@config_option
@json_option
def test(webhook: str, config: Path | None, as_json: bool) -> None:
    """Send an event that says nothing, and show the answer."""
    with attached(config) as switch:
        found = switch.call("webhook_test", name=webhook)
    emit(found, as_json, _show_test)
    if found["error"]:
        raise SystemExit(1)


def _show_test(one: dict[str, Any]) -> None:
    click.echo(one["error"] or f"Taken: status {one['status']} after {one['seconds']:.3f} s.")
