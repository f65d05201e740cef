"""Commands for agents beside those of everyday: one call at a time, the wrap-up, a text."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.live import agent, agent_verb
from softswitch.cli.output import config_option, emit, json_option


@agent.command("once")
@click.argument("name")
@config_option
@json_option
def agent_once(name: str, config: Path | None, as_json: bool) -> None:
    """Make an agent ready for one call; after it none comes until they ask for the next."""
    agent_verb("ready_once", name, config, as_json)


@agent.command("end-wrap-up")
@click.argument("name")
@config_option
@json_option
def agent_end_wrap_up(name: str, config: Path | None, as_json: bool) -> None:
    """End an agent's wrap-up now."""
    agent_verb("end_wrap_up", name, config, as_json)


@agent.command("extend-wrap-up")
@click.argument("name")
@config_option
@json_option
def agent_extend_wrap_up(name: str, config: Path | None, as_json: bool) -> None:
    """Give an agent the wrap-up time of the queue once more."""
    agent_verb("extend_wrap_up", name, config, as_json)


@agent.command("message")
@click.argument("name")
@click.argument("text")
@config_option
@json_option
def agent_message(name: str, text: str, config: Path | None, as_json: bool) -> None:
    """Show an agent a short text, on every page of theirs until they have read it."""
    with attached(config) as switch:
        done = switch.call("agent_message", agent=name, text=text)
    emit(done, as_json, lambda one: click.echo(f"{name} is told."))
