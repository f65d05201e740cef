"""softswitch account settings: what a phone has to be told, ready to paste, or by a QR code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.attach import Attached, running
from softswitch.cli.context import configuration
from softswitch.cli.output import UNKNOWN, Failure, config_option, emit, json_option
from softswitch.cli.site import account, edit
from softswitch.provisioning import PASSWORD, phone_of, place_of, qr_text, sheets

FAMILIES = ("yealink", "snom", "grandstream", "linphone", "microsip", "baresip")


@account.command("settings")
@click.argument("user")
@click.option("--phone", type=click.Choice(FAMILIES), help="Only this family.")
@click.option(
    "--transport", type=click.Choice(["udp", "tcp", "tls"]), help="How it connects.  [default: as the account asks]"
)
@click.option("--new-password", is_flag=True, help="Make a new password, and put it in.")
@click.option(
    "--link",
    is_flag=True,
    help="A link, and its QR code, by which Linphone fetches the account; once, within --minutes.",
)
@click.option("--minutes", default=15, show_default=True, help="How long the link lives.")
@config_option
@json_option
def account_settings(
    user: str, phone: str | None, transport: str | None, new_password: bool, link: bool, minutes: int,
    config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what to set where in USER's phone, family by family; or a QR code by which a Linphone sets itself up."""
    settings = configuration(config)
    if link:
        if not running(settings.paths.socket):
            raise Failure(
                "No switch is running that a phone could fetch its account from.", "Start it: softswitch serve", 3
            )
        with Attached(settings.paths.socket) as switch:
            made = switch.call("provisioning_link", account=user, transport=transport or "", minutes=minutes)
        emit(made, as_json, _show_link)
        return
    password = edit(config, "account_passwd", user=user)["password"] if new_password else ""
    found = _sheets(config, user, transport or "", password)
    found["phones"] = [one for one in found["phones"] if phone in (None, one["family"])]
    emit(found, as_json, _show)


def _sheets(config: Path | None, user: str, transport: str, password: str) -> dict[str, Any]:
    from softswitch.edit import EditError
    from softswitch.store.site import parse_site

    site = parse_site(edit(config, "export")["text"])
    try:
        phone = phone_of(site, user, place_of(configuration(config)), transport, password)
    except EditError as error:
        raise Failure(str(error), error.hint, UNKNOWN if error.kind == "unknown" else 1) from None
    return {
        "account": user, "server": phone.host, "port": phone.port, "transport": phone.transport, "domain": site.domain,
        "password": phone.password, "phones": [one.as_dict() for one in sheets(phone)],
    }  # fmt: skip


def _show(found: dict[str, Any]) -> None:
    for one in found["phones"]:
        click.secho(f"\n{one['title']}", bold=True)
        if one["file"]:
            click.echo(one["file"], nl=False)
            continue
        for line in one["fields"]:
            click.echo(f"  {line['label'] + ':':46} {line['value']}")
    if found["password"] == PASSWORD:
        click.echo(
            f"\nThe switch keeps no passwords: put it where {PASSWORD} stands, or make a new one with --new-password."
        )


def _show_link(made: dict[str, Any]) -> None:
    click.echo(qr_text(made["url"]))
    click.echo(f"{made['url']}\n\nLinphone: Assistant > QR code, or Settings > Advanced > Remote provisioning.")
    click.echo(f"Good once, for {made['minutes']} minutes.")
    if made["warning"]:
        click.secho(f"! {made['warning']}", fg="yellow")
