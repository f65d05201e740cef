"""The command line: `softswitch ...`.

Nothing heavy is imported here: `--help` and the commands that attach to a running switch must answer at once.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no switch is running, 4 there is no such thing, 5 the configuration is wrong.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import rich_click as click

import softswitch

# Command -> the module that holds it, imported when the command is looked at.
COMMANDS = {
    "demo": "run",
    "init": "run",
    "serve": "run",
    "check": "run",
    "certificate": "run",
    "lab": "lab",
    "status": "live",
    "queue": "steer",
    "agent": "agents",
    "calls": "live",
    "recording": "recording",
    "voicemail": "voicemail",
    "callback": "callback",
    "call": "control",
    "transfer": "transfer",
    "conference": "rooms",
    "phone": "phones",
    "parked": "phones",
    "alerts": "alerts",
    "registrations": "live",
    "trunks": "trunks",
    "events": "live",
    "trace": "trace",
    "records": "records",
    "audit": "records",
    "erase": "records",
    "prompt": "prompts",
    "bans": "bans",
    "log": "log",
    "attach": "live",
    "reload": "live",
    "hours": "desk",
    "outage": "desk",
    "callers": "desk",
    "customers": "customers",
    "survey": "customers",
    "disposition": "wrapping",
    "menus": "menus",
    "account": "account_settings",
    "user": "people",
    "token": "people",
    "apply": "site",
    "export": "site",
    "history": "site",
    "rollback": "site",
    "backup": "backup",
    "restore": "backup",
    "webhook": "webhook",
    "crm": "crm",
    "campaign": "campaign",
    "systemd-unit": "service",
    "plan": "plan",
    "report": "report",
    "sim": "sim",
    "explain": "explain",
}

click.rich_click.COMMAND_GROUPS = {
    "softswitch": [
        {"name": "Run a switch", "commands": ["demo", "init", "check", "certificate", "serve", "lab", "backup", "restore",
                                                  "systemd-unit"]},
        {"name": "Look at and steer a running switch",
         "commands": [
             "status", "queue", "agent", "calls", "recording", "voicemail", "callback", "campaign",
             "call", "transfer", "conference", "phone",
             "parked",
             "alerts", "registrations", "trunks", "events", "explain", "trace", "records", "audit", "erase", "bans", "log",
             "attach", "reload",
         ]},
        {"name": "The front desk", "commands": ["hours", "outage", "callers", "customers", "survey", "disposition", "menus"]},
        {"name": "Change the site", "commands": [
            "account", "user", "token", "webhook", "crm", "apply", "export", "prompt", "history", "rollback",
        ]},
        {"name": "Plan", "commands": ["report", "plan", "sim"]},
    ]
}  # fmt: skip
click.rich_click.MAX_WIDTH = 110


class LazyGroup(click.RichGroup):
    """Imports a command's module when it is needed."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Errors are one line and its remedy, on standard error; the exit code says what kind it is."""
        if os.environ.get("NO_COLOR"):
            extra.setdefault("color", False)
        try:
            code = super().main(args, prog_name, complete_var, False, **extra)
        except click.ClickException as error:
            if not standalone_mode:
                raise
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            if not standalone_mode:
                raise
            click.echo("Interrupted.", err=True)
            sys.exit(130)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As always, but what was probably meant is told: click knows only commands that are imported."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1, cutoff=0.7)
            ctx.fail(f"No such command '{name}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"softswitch.cli.{COMMANDS[name]}")
        command = getattr(module, name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(softswitch.__version__, message="softswitch %(version)s")
def main() -> None:
    """A SIP/RTP softswitch with a built-in call-queue engine (ACD).

    Start with `softswitch demo`: it makes a working hotline in ./site and prints how to connect two phones.
    """
