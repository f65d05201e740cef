"""Commands that attach to a running switch: look at it, steer it, follow it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.forecast import forecast, hours_option
from softswitch.cli.output import UNKNOWN, Failure, config_option, emit, json_option, seconds, show_changes, table

TAPE = "queue.tape"  # long, and for programs: people see it if they ask for it by name


# --- status --------------------------------------------------------------------------------------------------------


@click.command()
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> None:
    """Show how the switch is: calls, callers waiting, phones, media, alarms."""
    with attached(config) as switch:
        emit(switch.call("status"), as_json, _show_status)


def _show_status(value: dict[str, Any]) -> None:
    state = "draining: no new calls" if value["draining"] else "running"
    click.echo(f"softswitch {value['version']} ({value['domain']}), {state}, up {seconds(value['uptime'])}")
    click.echo(
        f"calls {value['calls']}   waiting {value['waiting']}   registrations {value['registrations']}   "
        f"agents ready {value['agents_ready']} of {value['agents']}   site version {value['site_version']}"
    )
    for one in value["listeners"]:
        held = "" if one["connections"] is None else f"   {one['connections']} connections"
        click.echo(f"listens on {one['address']}{held}")
    media = value["media"]
    click.echo(f"RTP legs in use {media['legs_in_use']}, free {media['legs_free']}")
    for one in value["workers"]:
        click.echo(f"media worker {one['worker']}: {one['state']}, ports from {one['base_port']}, relay {one['relay']}")
    for reason in value["problems"]:
        click.secho(f"! {reason}", fg="yellow")


# --- queues --------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def queue(context: click.Context) -> None:
    """Queues: who waits, who serves, and why nobody is rung."""
    if context.invoked_subcommand is None:
        context.invoke(queue_show)


@queue.command("show")
@click.argument("name", required=False)
@config_option
@json_option
def queue_show(name: str | None = None, config: Path | None = None, as_json: bool = False) -> None:
    """Show all queues, or one with its callers and agents."""
    with attached(config) as switch:
        found = switch.call("queue", name=name) if name else switch.call("queues")
    emit(found, as_json, _show_queue if name else _show_queues)


def _show_queues(queues: list[dict[str, Any]]) -> None:
    rows = []
    for one in queues:
        counts, agents = one["counts"], one["agents"]
        outcomes = counts["outcomes"]
        abandoned = sum(count for outcome, count in outcomes.items() if outcome.startswith("abandoned"))
        rows.append([
            one["name"], one["waiting"], seconds(one["longest_wait"]) if one["waiting"] else None, agents.get("idle", 0),
            agents.get("talking", 0), len(one["members"]), counts["entered"], outcomes.get("answered", 0), abandoned,
            _percent(one["figures"].get("service_level", {}).get("value")), _wait(one["ewt"]),
        ])  # fmt: skip
    table(
        "",
        [
            "queue",
            ">waiting",
            ">longest",
            ">idle",
            ">talking",
            ">agents",
            ">entered",
            ">answered",
            ">abandoned",
            ">in time",
            ">expected",
        ],
        rows,
        empty="There are no queues. Add one to the site and run: softswitch apply site.toml",
    )


def _show_queue(one: dict[str, Any]) -> None:
    _show_queues([one])
    if one["surging"]:
        click.secho("The queue surges.", fg="yellow")
    table(
        "Callers", [">place", "number", ">waits", ">expected", ">priority", "state", "rings at", "call"],
        [
            [
                caller["position"], caller["number"], seconds(caller["waited"]), _wait(caller["ewt"]), caller["priority"],
                caller["state"],
                ", ".join(offer["agent"] for offer in caller["offers"]), caller["caller"],
            ]
            for caller in one["callers"]
        ],
        empty="Nobody waits.",
    )  # fmt: skip
    verdicts = {member["agent"]: member for member in one.get("first", {}).get("members", ())}
    table(
        "Agents", [">tier", ">position", "agent", "condition", "why the first caller is not there"],
        [
            [member["tier"], member["position"], member["agent"], member["condition"], _why(verdicts.get(member["agent"]))]
            for member in one["members"]
        ],
        empty="No agent serves this queue.",
    )  # fmt: skip
    _show_ladder(one.get("first", {}).get("ladder", []))


def _wait(ewt: float | None) -> str:
    """The expected wait of somebody."""
    return "-" if ewt is None else seconds(ewt)


def _show_ladder(rungs: list[dict[str, Any]]) -> None:
    """What is still to be done for the first caller, if nobody takes the call."""
    if not rungs:
        return
    table(
        "Ladder of the first caller", [">rung", "when", "what", "how far"],
        [
            [
                one["rung"], one["trigger"], one["action"],
                "climbed" if one["climbed"] else f"in {seconds(one['left'])}" if one["left"] else "as soon as that is so",
            ]
            for one in rungs
        ],
    )  # fmt: skip


def _why(verdict: dict[str, Any] | None) -> str:
    """`paused (lunch) for 3:07`, `wrap_up, 4.2 s left`: a reason as the engine gives it, in words."""
    if verdict is None:
        return ""
    said: str = verdict["reason"].replace("_", " ")
    if detail := verdict.get("cause") or verdict.get("kind"):
        said += f" ({str(detail).replace('_', ' ')})"
    if "left" in verdict:
        return f"{said}, {seconds(verdict['left'])} left"
    return f"{said} for {seconds(verdict['seconds'])}" if "seconds" in verdict else said


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


# --- agents --------------------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def agent(context: click.Context) -> None:
    """Agents: log in and out, ready, pause."""
    if context.invoked_subcommand is None:
        context.invoke(agent_list)


@agent.command("list")
@config_option
@json_option
def agent_list(config: Path | None = None, as_json: bool = False) -> None:
    """Show every agent and what he or she does."""
    with attached(config) as switch:
        emit(switch.call("agents"), as_json, _show_agents)


def _show_agents(agents: list[dict[str, Any]]) -> None:
    table(
        "", ["agent", "name", "device", "presence", "reason", "activity", ">for", "queues"],
        [
            [
                one["agent"], one["title"], one["device"] + ("" if one["reachable"] else " (not registered)"),
                one["presence"], one["reason"], one["activity"], seconds(one["seconds"]), ", ".join(one["queues"]),
            ]
            for one in agents
        ],
        empty="There are no agents. Add one to the site and run: softswitch apply site.toml",
    )  # fmt: skip


def agent_verb(verb: str, name: str, config: Path | None, as_json: bool, **more: str) -> None:
    with attached(config) as switch:
        result = switch.call("agent", name=name, verb=verb, **more)
    emit(result, as_json, lambda one: click.echo(f"{one['agent']}: {one['presence']} ({one['activity']})"))


@agent.command("login")
@click.argument("name")
@click.option("--device", default="", help="Bind the agent to this account's phone (hot-desking).")
@config_option
@json_option
def agent_login(name: str, device: str, config: Path | None, as_json: bool) -> None:
    """Log an agent in and make them ready."""
    agent_verb("login", name, config, as_json, device=device)


@agent.command("logout")
@click.argument("name")
@config_option
@json_option
def agent_logout(name: str, config: Path | None, as_json: bool) -> None:
    """Log an agent out; a conversation goes on to its end."""
    agent_verb("logout", name, config, as_json)


@agent.command("ready")
@click.argument("name")
@config_option
@json_option
def agent_ready(name: str, config: Path | None, as_json: bool) -> None:
    """Make an agent ready: a pause ends; a wrap-up goes on to its end."""
    agent_verb("ready", name, config, as_json)


@agent.command("pause")
@click.argument("name")
@click.option("--reason", default="", help="Why, of `softswitch agent reasons`; without it the first of these.")
@config_option
@json_option
def agent_pause(name: str, reason: str, config: Path | None, as_json: bool) -> None:
    """Make an agent not ready; a conversation goes on, no further call is offered. Another reason ends the pause before."""
    agent_verb("not_ready", name, config, as_json, reason=reason)


@agent.command("reasons")
@config_option
@json_option
def agent_reasons(config: Path | None, as_json: bool) -> None:
    """Show the reasons of pauses: [pause.NAME] of the site."""
    with attached(config) as switch:
        emit(switch.call("pauses"), as_json, _show_reasons)


def _show_reasons(found: list[dict[str, Any]]) -> None:
    table(
        "", ["reason", "title", "key", ">longest", "offered"],
        [
            [
                one["pause"], " / ".join(one["title"].values()), one["key"], seconds(one["longest"]) if one["longest"] else "",
                "" if one["offered"] else "no",
            ]
            for one in found
        ],
    )  # fmt: skip


# --- calls, registrations --------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def calls(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Show the calls of this moment; `calls hangup CALL` ends one."""
    if context.invoked_subcommand is not None:
        return
    with attached(config) as switch:
        emit(switch.call("calls"), as_json, _show_calls)


def _other(one: dict[str, Any]) -> str:
    """Whom a caller talks to: the agent of the queue, until the call is led on to somebody else."""
    return one["agent"] if one["agent"] and not one["transfers"] else ", ".join(leg["party"] for leg in one["legs"][1:])


def _show_calls(found: list[dict[str, Any]]) -> None:
    table(
        "", ["call", "caller", "dialled", "trunk", "state", "queue", "with", ">for"],
        [
            [
                one["call"], one["caller"], one["dialled"], one["trunk"], one["state"], one["queue"],
                _other(one), seconds(one["seconds"]),
            ]
            for one in found
        ],
        empty="No calls.",
    )  # fmt: skip


@calls.command("hangup")
@click.argument("call", required=False)
@click.option("--all", "everything", is_flag=True, help="Every call.")
@config_option
@json_option
def calls_hangup(call: str | None, everything: bool, config: Path | None, as_json: bool) -> None:
    """End a call by its id (see `softswitch calls`)."""
    if (call is None) == (not everything):
        raise click.UsageError("Name one call, or give --all.")
    with attached(config) as switch:
        ended = switch.call("hang_up", **({"call": call} if call else {"everything": True}))
    emit({"ended": ended}, as_json, lambda one: click.echo(f"{one['ended']} ended."))


@click.command()
@click.argument("account", required=False)
@config_option
@json_option
def registrations(account: str | None, config: Path | None, as_json: bool) -> None:
    """Show which phones are registered, from where and until when."""
    with attached(config) as switch:
        found = switch.call("registrations")
        if account:
            found = [one for one in found if one["aor"] == account]
            accounts = [] if found else switch.call("edit", operation="account_list", options={})["accounts"]
            if not found and all(one["user"] != account for one in accounts):
                raise Failure(f"There is no account {account!r}.", "See: softswitch account list", UNKNOWN)
    emit(found, as_json, _show_registrations)


def _show_registrations(found: list[dict[str, Any]]) -> None:
    table(
        "", ["account", "contact", "from", ">expires in", ">round trip", "phone"],
        [
            [
                one["aor"], one["contact"], f"{one['transport']} {one['source']}", seconds(one["expires_in"]),
                _round_trip(one), one["user_agent"],
            ]
            for one in found
        ],
        empty="No phone is registered.",
    )  # fmt: skip


def _round_trip(one: dict[str, Any]) -> str | None:
    """What OPTIONS has shown; nothing for a phone that is not asked (`nat.qualify`)."""
    if not one["reachable"]:
        return "no answer"
    return None if one["rtt_ms"] is None else f"{one['rtt_ms']:.0f} ms"


# --- following, reloading, the prompt ------------------------------------------------------------------------------------


@click.command()
@click.option(
    "--only", default="", help="Only events whose name starts with this: call, queue, agent, registration ..."
)
@config_option
@json_option
def events(only: str, config: Path | None, as_json: bool) -> None:
    """Follow what happens, until Ctrl-C."""
    from softswitch import events as known

    classes = [one for one in vars(known).values() if isinstance(one, type) and issubclass(one, known.Event)]
    names = [one.name for one in classes if one is not known.Event]
    if not any(name.startswith(only) for name in names):
        groups = ", ".join(sorted({name.partition(".")[0] for name in names}))
        raise Failure(
            f"No event has a name that starts with {only!r}.", f"There are: {groups}. All: docs/events.md", UNKNOWN
        )
    with attached(config) as switch:
        try:
            for event in switch.events():
                if event["event"].startswith(only) and (as_json or only or event["event"] != TAPE):
                    emit_event(event, as_json)
        except KeyboardInterrupt:
            return
    raise Failure("The switch stopped.")


def emit_event(event: dict[str, Any], as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps(event, separators=(",", ":")))
        return
    rest = {
        key: value for key, value in event.items() if key not in ("event", "time", "seq") and value not in ("", None)
    }
    fields = " ".join(
        f"{key}={value:.3f}" if isinstance(value, float) else f"{key}={value}" for key, value in rest.items()
    )
    click.echo(f"{event['time'][11:23]} {click.style(event['event'], bold=True)} {fields}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would change, and which calls and agents it touches.")
@hours_option
@config_option
@json_option
def reload(dry_run: bool, hours: float, config: Path | None, as_json: bool) -> None:
    """Read the site again; calls and callers in queues are not touched."""
    with attached(config) as switch:
        if dry_run:
            emit(forecast(switch.call("reload", dry_run=True), config, hours), as_json, show_changes)
        else:
            emit(switch.call("reload"), as_json, lambda one: click.echo(f"Site version {one['version']} is in force."))


@click.command()
@config_option
def attach(config: Path | None) -> None:
    """Attach to the running switch: its commands at a prompt, without `softswitch` in front."""
    from softswitch.cli import main

    with attached(config) as switch:
        about = switch.call("status")
    click.echo(
        f"softswitch {about['version']} at {about['domain']}. Commands as in `softswitch --help`; Ctrl-D leaves."
    )
    while True:
        try:
            line = input("softswitch> ")
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return
        try:
            words = shlex.split(line)
        except ValueError as error:
            click.echo(f"Error: {error}")
            continue
        if words in (["quit"], ["exit"]):
            return
        if not words:
            continue
        if config is not None and words[0] not in ("-h", "--help"):
            words += ["--config", str(config)]
        try:
            main.main(words, prog_name="", standalone_mode=False)
        except click.ClickException as error:
            error.show()
        except click.Abort:
            click.echo()
