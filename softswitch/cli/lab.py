"""`softswitch lab`: a throwaway switch for load testers and outside test suites."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from softswitch.cli.output import relay_option
from softswitch.cli.run import explained


@click.command()
@click.option("--listen", default="127.0.0.1:5060", show_default=True, help="SIP over UDP and TCP.")
@click.option("--http", default="127.0.0.1:8080", show_default=True, help='Health, metrics, status; "" for none.')
@click.option(
    "--accounts", type=click.IntRange(0, 100_000), default=1000, show_default=True, help="Named 1000, 1001, ..."
)
@click.option("--agents", type=click.IntRange(0, 10_000), default=20, show_default=True,
              help="Ready as soon as they register.")  # fmt: skip
@click.option(
    "--tiers", type=click.IntRange(1, 100), default=2, show_default=True, help="Of the queue, agents spread over them."
)
@click.option("--dir", "directory", type=click.Path(path_type=Path), required=True,
              help="Where everything is kept; start again on the same one to go on.")  # fmt: skip
@click.option(
    "--wrap-up", type=click.FloatRange(0, 3600), help="Seconds after each call.  [default: 0; going on: as it was]"
)
@click.option(
    "--ring-timeout", type=click.FloatRange(1, 600), help="Seconds an agent rings.  [default: 20; going on: as it was]"
)
@click.option(
    "--media-ports", default="", help="RTP ports, FIRST-LAST.  [default: a free range for thousands of calls]"
)
@click.option("--media-workers", type=click.IntRange(0, 64), default=0, help="Media processes.  [default: cores - 1]")
@relay_option
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--trunk", "trunks", multiple=True, metavar="HOST:PORT",
              help="A provider to call outside by, and to take calls from; several: tried in this order.")  # fmt: skip
@click.option("--trunk-user", default="", help="Register at the trunks as this user.")
@click.option("--trunk-password", default="", help="The password that goes with it.")
@click.option("--trunk-realm", default="", help="The realm of the trunks.  [default: their registrar's]")
@click.option("--allow-public", is_flag=True, help="Allow addresses that others can reach.")
def lab(
    listen: str,
    http: str,
    accounts: int,
    agents: int,
    tiers: int,
    directory: Path,
    wrap_up: float | None,
    ring_timeout: float | None,
    media_ports: str,
    media_workers: int,
    relay: str | None,
    log_level: str,
    allow_public: bool,
    trunks: tuple[str, ...],
    trunk_user: str,
    trunk_password: str,
    trunk_realm: str,
) -> None:
    """Run a throwaway switch: generated accounts, agents, and the extensions echo, music, prompt, ivr, queue, conference.

    When it accepts calls it writes DIR/lab.json with everything a tester needs to know.
    """
    from softswitch.lab import Options, run

    options = Options(
        listen, http, accounts, agents, tiers, directory, wrap_up, ring_timeout, allow_public, log_level, media_ports,
        media_workers, relay or "auto", trunks, trunk_user, trunk_password, trunk_realm,
    )  # fmt: skip
    with explained():
        run(options)
