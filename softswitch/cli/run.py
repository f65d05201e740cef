"""Commands that make and run a switch: init, demo, check, serve."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.core import ParameterSource
from click.exceptions import Exit

from softswitch.cli.context import configuration
from softswitch.cli.output import WRONG_CONFIG, Failure, config_option, emit, json_option, relay_option, table
from softswitch.errors import ConfigError, SoftswitchError
from softswitch.net.address import join_host_port

if TYPE_CHECKING:
    from softswitch.config import Config

LISTEN_HELP = "Where phones reach us, over UDP and TCP."


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn an error raised on purpose into a message with its remedy."""
    try:
        yield
    except ConfigError as error:
        raise Failure(str(error), "Correct it and try again; nothing was changed.", WRONG_CONFIG) from None
    except SoftswitchError as error:
        raise Failure(str(error), getattr(error, "hint", "")) from None


language_option = click.option(
    "--language", "--lang", type=click.Choice(["pl", "en"]), default="pl", show_default=True,
    help="Of the prompts and the names.",
)  # fmt: skip

empty_option = click.option("--empty", is_flag=True, help="No hotline: an administrator, who builds one in the pages.")


# --- init ------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("site"))
@click.option("--domain", default="", help="Domain of the accounts.  [default: this machine's address]")
@click.option("--listen", default="0.0.0.0:5060", show_default=True, help=LISTEN_HELP)
@language_option
@empty_option
@json_option
def init(directory: Path, domain: str, listen: str, language: str, empty: bool, as_json: bool) -> None:
    """Make a new site in DIRECTORY: a hotline with a greeting, opening hours, a queue and two agents.

    The passwords are made now and shown once. An existing site is never overwritten.
    """
    from softswitch.setup import create_demo

    with explained():
        made = create_demo(directory, domain=domain, listen=listen, language=language, empty=empty)
    emit(made.as_dict(), as_json, lambda _: show_settings(made))
    if not as_json:
        click.echo(f"\nStart it:  softswitch serve --config {directory}")


def show_settings(made: Any) -> None:
    """Settings ready to paste: once, because the switch keeps only digests of the passwords."""
    facts = made.as_dict()
    if facts["accounts"]:
        _show_accounts(facts)
    _show_people(facts)
    if facts["accounts"]:
        _show_phones(facts)
    else:
        click.echo("The password is shown only now. The first steps are on the page that opens after logging in.")


def _show_accounts(facts: dict[str, Any]) -> None:
    table(
        f"\nAccounts of {facts['domain']} (the passwords are shown only now)",
        ["account", "name", "password", "role"],
        [[one["user"], one["name"], one["password"], one["role"]] for one in facts["accounts"]],
    )


def _show_people(facts: dict[str, Any]) -> None:
    table(
        "\nPeople who log in to the pages",
        ["user", "name", "password", "role"],
        [[one["user"], one["name"], one["password"], one["role"]] for one in facts["people"]],
    )


def _show_phones(facts: dict[str, Any]) -> None:
    server, port = facts["server"], facts["port"]
    desk, soft = facts["accounts"][0], facts["accounts"][-1]
    click.echo()
    click.secho(f"Desk phone for the agent {desk['name']} ({desk['user']}):", bold=True)
    for name, value in (
        ("SIP server / registrar", server), ("Port", port), ("Transport", "UDP (or TCP)"), ("User / extension", desk["user"]),
        ("Authentication name", desk["user"]), ("Password", desk["password"]), ("Display name", desk["name"]),
        ("Codecs", "G.711 A-law (PCMA), G.711 u-law (PCMU)"), ("DTMF", "RFC 2833 / RFC 4733"),
    ):  # fmt: skip
        click.echo(f"  {name + ':':24} {value}")
    click.secho(f"\nSoftphone for {soft['name']} ({soft['user']}):", bold=True)
    at = server if port == 5060 else f"{server}:{port}"
    click.echo(f"  {'SIP address:':24} sip:{soft['user']}@{at}")
    click.echo(f"  {'User / password:':24} {soft['user']} / {soft['password']}")
    click.echo(f"  {'Domain and proxy:':24} {at}")
    click.echo(f"  {'baresip, in accounts:':24} <sip:{soft['user']}@{at}>;auth_pass={soft['password']}")
    click.secho("\nThen", bold=True)
    click.echo(
        f"  {facts['extensions']['hotline']}  (sip:{facts['extensions']['hotline']}@{at})  the hotline: greeting, press 1, queue"
    )
    for hours in facts["hours"].values():
        state = "open now" if hours["open"] else "closed now, so it says that"
        click.echo(f"       open {hours['spans']} ({hours['timezone']}): {state}")
    click.echo(f"  {facts['extensions']['queue']}  its queue, at any hour")
    click.echo(f"  {facts['extensions']['echo']}  echo test     {facts['extensions']['music']}  music")
    click.echo(
        f"  The agent at {desk['user']} dials *30 to log in and be ready, *32 to pause, *33 to go on, *31 to log out."
    )


# --- demo, serve -------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path), default=Path("site"), show_default=True)
@click.option("--listen", default="0.0.0.0:5060", show_default=True, help=LISTEN_HELP)
@click.option("--domain", default="", help="Domain of the accounts.  [default: this machine's address]")
@language_option
@empty_option
@click.pass_context
def demo(context: click.Context, directory: Path, listen: str, domain: str, language: str, empty: bool) -> None:
    """Make a hotline in ./site if there is none, show how to connect phones, and run it.

    With --empty there is an administrator only; the pages lead through the first steps.
    """
    from softswitch.config import FILE_NAME
    from softswitch.setup import create_demo

    overrides: dict[str, Any] = {}
    if (directory / FILE_NAME).exists():
        if context.get_parameter_source("listen") is ParameterSource.COMMANDLINE:
            overrides["sip.listen"] = [listen]
        click.echo(f"The site in {directory}/ is used as it is. Its passwords were shown when it was made;")
        click.echo(
            f"new ones: softswitch user passwd admin --config {directory} (pages), softswitch account passwd 101 ... (phones)"
        )
    else:
        with explained():
            made = create_demo(directory, domain=domain, listen=listen, language=language, probe=True, empty=empty)
        show_settings(made)
    _build_pages()
    config = configuration(directory, overrides)
    if config.http.listen:
        click.echo(f"\nPages: {'https' if config.http.tls else 'http'}://{join_host_port(*config.http.listen)}/")
    click.echo("\nStarting; Ctrl-C stops.\n")
    _serve(config)


def _build_pages() -> None:
    """In a checkout whose pages are older than their sources. Without Node there are none, and the switch works."""
    from softswitch.web import build

    if not build.is_current() and (build.node() is not None):
        click.echo("\nBuilding the pages (seconds, once) ...")
    if problem := build.refresh():
        click.echo(f"\n{problem}")


@click.command()
@relay_option
@config_option
def serve(relay: str | None, config: Path | None) -> None:
    """Run the switch in the foreground. SIGTERM lets calls end first, SIGHUP reads the site again."""
    _serve(configuration(config, {} if relay is None else {"media.relay": relay}))


def _serve(config: Config) -> None:
    from softswitch.daemon import serve as run

    with explained():
        run(config)


# --- check -------------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--site", type=click.Path(path_type=Path), help="A site.toml to check in place of the stored site.")
@config_option
@json_option
def check(site: Path | None, config: Path | None, as_json: bool) -> None:
    """Check everything that serving needs: settings, site, prompts, ports. Changes nothing."""
    from softswitch.check import check as check_all

    findings = check_all(configuration(config), site)
    bad = [one for one in findings if one.problem]
    emit([one.as_dict() for one in findings], as_json, lambda rows: _show_findings(rows))
    if bad:
        raise Exit(WRONG_CONFIG if all(one.what in ("settings", "site") for one in bad) else 1)


def _show_findings(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        mark = click.style("wrong", fg="red", bold=True) if row["problem"] else click.style("ok   ", fg="green")
        lines = (row["problem"] or row["detail"]).splitlines()
        click.echo(f"{mark} {row['what']:10} {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{'':17}{line}")
        if row["hint"]:
            click.echo(click.style(f"{'':17}-> ", fg="cyan") + row["hint"])


# --- certificate -------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("names", nargs=-1)
@click.option("--dir", "directory", type=click.Path(path_type=Path), default=Path("site"), show_default=True,
              help="The folder of softswitch.toml.")  # fmt: skip
@json_option
def certificate(names: tuple[str, ...], directory: Path, as_json: bool) -> None:
    """Make a certificate for TLS and secure WebSockets, signed by itself, for the host NAMES (or addresses).

    Good for trying out and for phones that are told to trust it; browsers and strict phones want one from a certificate
    authority. Files that are there are never overwritten.
    """
    from softswitch.setup import make_certificate

    with explained():
        made = make_certificate(directory, names)
    facts = {"names": list(made.names), "certificate": str(made.certificate), "key": str(made.key)}
    emit(facts, as_json, lambda _: _show_certificate(facts))


def _show_certificate(facts: dict[str, Any]) -> None:
    click.echo(f"{facts['certificate']} and {facts['key']}: for {', '.join(facts['names'])}.\n")
    click.echo("In softswitch.toml:\n")
    click.echo(
        '  [sip]\n  listen = ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060", "tls://0.0.0.0:5061", "wss://0.0.0.0:5063"]'
    )
    certificate, key = Path(facts["certificate"]).name, Path(facts["key"]).name
    click.echo(f'  [tls]\n  certificate = "{certificate}"\n  key = "{key}"\n')
    click.echo("Then start the switch again, and let the phones trust the certificate.")
