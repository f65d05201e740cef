"""Prompts and music: what callers hear, and recordings of one's own in its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from softswitch.cli import prompt_studio
from softswitch.cli.attach import Attached, running
from softswitch.cli.context import configuration
from softswitch.cli.output import UNKNOWN, Failure, config_option, emit, json_option, table

if TYPE_CHECKING:
    from softswitch.config import Config

MUSIC = "moh"


@click.group()
def prompt() -> None:
    """Prompts and music: list them, put recordings of your own in their place."""


# --- looking ---------------------------------------------------------------------------------------------------------


@prompt.command("list")
@click.argument("part", required=False, default="")
@click.option("--language", default="", help='Only this one: "pl", "en"; "moh" is music.')
@click.option("--added", is_flag=True, help="Only those of your own.")
@config_option
@json_option
def prompt_list(part: str, language: str, added: bool, config: Path | None, as_json: bool) -> None:
    """Show every prompt, or those whose name or text holds PART: what it says, and whose recording is heard."""
    from softswitch import uploads

    rows = []
    for sound in uploads.sounds(configuration(config)):
        text = uploads.text_of(sound.name, sound.language)
        if language and sound.language != language:
            continue
        if added and sound.source == uploads.SHIPPED:
            continue
        if part.lower() not in sound.name and part.lower() not in text.lower():
            continue
        rows.append(uploads.sound_row(sound, text))
    emit(rows, as_json, _show_list)


def _show_list(rows: list[dict[str, Any]]) -> None:
    table(
        "", ["prompt", "language", "recording", "text"],
        [[one["name"], one["language"], one["source"], one["text"]] for one in rows],
        empty="There is no such prompt. All of them: softswitch prompt list",
    )  # fmt: skip


@prompt.command("play-info")
@click.argument("name")
@config_option
@json_option
def play_info(name: str, config: Path | None, as_json: bool) -> None:
    """Show what would be played for a prompt in each language: the file, its length and level, and who uses it."""
    from media.intake import IntakeError, look
    from softswitch import uploads

    settings = configuration(config)
    found = [sound for sound in uploads.sounds(settings) if sound.name == name.removesuffix(".wav")]
    if not found:
        near = uploads.note_on(settings, name, "").rpartition("; or ")[2]
        hint = near.capitalize() if near.startswith("did you mean") else "See: softswitch prompt list"
        raise Failure(f"There is no prompt {name!r}.", hint, UNKNOWN)
    rows = []
    for sound in found:
        row = uploads.sound_row(sound, uploads.text_of(sound.name, sound.language))
        try:
            row |= uploads.facts_row(look(sound.path))
        except IntakeError as error:
            row |= {"problem": str(error), "hint": error.hint}
        rows.append(row)
    site = _site(settings)
    result = {"recordings": rows, "used_by": uploads.users_of(site, name) if site is not None else []}
    emit(result, as_json, _show_info)


def _site(settings: Config) -> Any:
    """The site in force, None if there is none yet."""
    from softswitch.setup import stored_site
    from softswitch.store.site import parse_site

    if not running(settings.paths.socket):
        return stored_site(settings)
    with Attached(settings.paths.socket) as switch:
        return parse_site(switch.call("edit", operation="export", options={})["text"])


def _show_info(result: dict[str, Any]) -> None:
    for one in result["recordings"]:
        click.secho(f"{one['language']}/{one['name']}", bold=True, nl=False)
        click.echo(f"  {one['source']}: {one['file']}")
        if one["text"]:
            click.echo(f"  says: {one['text']}")
        if "problem" in one:
            click.secho(f"  cannot be played: {one['problem']}", fg="red")
            click.echo(f"  -> {one['hint']}")
            continue
        channels = "mono" if one["channels"] == 1 else f"{one['channels']} channels"
        click.echo(
            f"  {one['seconds']} s, {one['rate']} Hz, {one['coding']}, {channels}, "
            f"level {one['level_dbfs']} dB, peak {one['peak_dbfs']} dB"
        )
    used = ", ".join(result["used_by"])
    click.echo(f"Used by: {used}" if used else "No queue and no menu names it; the switch itself may.")


# --- changing --------------------------------------------------------------------------------------------------------


@prompt.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--language", default="", help='Whose recording it is: "pl", "en" ...  [default: the language of the site]'
)
@click.option("--music", is_flag=True, help="It is music on hold; NAME is its class.")
@click.option("--queue", default="", help="With --music: let this queue play it.")
@click.option("--as-it-is", is_flag=True, help="Do not bring it to the loudness of the other prompts.")
@config_option
@json_option
def prompt_add(
    name: str, file: Path, language: str, music: bool, queue: str, as_it_is: bool, config: Path | None, as_json: bool
) -> None:
    """Let the recording in FILE be heard for the prompt NAME, or as music; in force at once.

    A WAV file of any rate, of 8 to 64 bits, mono or more. It is kept beside the database, so that an upgrade does not touch it.
    """
    from media.intake import IntakeError, take_in
    from softswitch import prompt_versions, uploads

    settings = configuration(config)
    if queue and not music:
        raise click.UsageError("--queue goes with --music; the prompts of a queue are named in the site.")
    site = _site(settings)
    language = MUSIC if music else language or (site.language if site is not None else "pl")
    name = name.removesuffix(".wav")
    try:
        path = uploads.target(settings, name, language)
        note = uploads.note_on(settings, name, language)
        prompt_versions.keep(settings, name, language)
        taken = take_in(file, path, music=music, as_it_is=as_it_is)
    except (IntakeError, uploads.UploadError) as error:
        raise Failure(str(error), error.hint) from None
    except OSError as error:
        raise Failure(
            f"{error.filename or file}: {error.strerror}.", "Run the command as the user that runs the switch."
        ) from None
    if music and site is not None:
        _set_music(config, name, [f"{name}.wav"], queue)
    heard = _tell(settings, name if music else f"{language}/{name}")
    result = uploads.added_row(name, language, path, taken, note) | {"queue": queue, "in_force": heard}
    emit(result, as_json, _show_added)


def _set_music(config: Path | None, name: str, files: list[str], queue: str) -> None:
    from softswitch.cli.site import edit

    edit(config, "music_set", name=name, files=files, queue=queue)


def _tell(settings: Config, name: str) -> bool:
    """Let a running switch take the recording; whether there is one."""
    if not running(settings.paths.socket):
        return False
    with Attached(settings.paths.socket) as switch:
        switch.call("sounds", again=[name])
    return True


def _show_added(one: dict[str, Any]) -> None:
    channels = "mono" if one["channels"] == 1 else f"{one['channels']} channels"
    click.echo(f"{one['file']}: {one['seconds']} s, from {one['rate']} Hz, {one['coding']}, {channels}")
    if one["gain_db"]:
        click.echo(f"Its level of {one['level_dbfs']} dB was changed by {one['gain_db']:+} dB.")
    for warning in one["warnings"]:
        click.secho(f"! {warning}", fg="yellow")
    if one["queue"]:
        click.echo(f"The queue {one['queue']} plays it.")
    click.echo("In force." if one["in_force"] else "It will be heard when the switch runs.")


@prompt.command("remove")
@click.argument("name")
@click.option("--language", default="", help='"pl", "en" ...  [default: the language of the site]')
@click.option("--music", is_flag=True, help="It is a class of music.")
@config_option
@json_option
def prompt_remove(name: str, language: str, music: bool, config: Path | None, as_json: bool) -> None:
    """Remove a recording of your own: ours is heard again, where there is one."""
    from softswitch import prompt_versions, uploads

    settings = configuration(config)
    site = _site(settings)
    language = MUSIC if music else language or (site.language if site is not None else "pl")
    name = name.removesuffix(".wav")
    try:
        if music and not uploads.target(settings, name, language).exists():
            raise uploads.UploadError(
                f"No music {name!r} was added.", "See: softswitch prompt list --added", kind="unknown"
            )
        if music and site is not None and name in site.music:
            _set_music(config, name, [], "")
        prompt_versions.keep(settings, name, language)
        path = uploads.remove(settings, name, language)
    except uploads.UploadError as error:
        raise Failure(str(error), error.hint, UNKNOWN if error.kind == "unknown" else 1) from None
    except OSError as error:
        raise Failure(
            f"{error.filename}: {error.strerror}.", "Run the command as the user that runs the switch."
        ) from None
    _tell(settings, name if music else f"{language}/{name}")
    emit(
        {"name": name, "language": language, "file": str(path)},
        as_json,
        lambda one: click.echo(f"{one['file']} is removed."),
    )


prompt_studio.add_to(prompt)
