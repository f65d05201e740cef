"""The one entry point of the benchmarks: `python -m bench --help`."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import lab, load, machine, micro, progress
from media.names import RELAYS

ROOT = Path(__file__).resolve().parent.parent
console = Console(stderr=True)


def names(package: Any) -> list[str]:
    """Benchmarks of a package: its modules that have `run()`."""
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        source = Path(package.__path__[0], f"{module.name}.py")
        if not module.ispkg and "\ndef run(" in source.read_text():
            found.append(module.name)
    return found


def measure(package: Any, chosen: list[str]) -> dict[str, Any]:
    """Run the chosen benchmarks one after the other, with a progress bar. One that cannot run is named in its figures."""
    figures: dict[str, Any] = {}
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=len(chosen))
        for name in chosen:

            def describe(text: str, name: str = name) -> None:
                bar.update(task, description=f"{name}: {text}" if text else name)

            describe("")
            progress.listen(describe)
            try:
                figures[name] = importlib.import_module(f"{package.__name__}.{name}").run()
            except (SystemExit, OSError, subprocess.SubprocessError) as error:
                figures[name] = {"error": str(error)}
            bar.advance(task)
    return figures


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested figures as dotted names; lists of steps are left to the JSON."""
    if isinstance(value, dict):
        flat: dict[str, Any] = {}
        for key, inner in value.items():
            flat.update(flatten(inner, f"{prefix}.{key}" if prefix else str(key)))
        return flat
    return {} if isinstance(value, list) else {prefix: value}


def show(result: dict[str, Any]) -> None:
    table = Table(title=" · ".join(f"{key} {value}" for key, value in result["machine"].items()))
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in flatten(result["figures"]).items():
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else str(value))
    Console().print(table)


def finish(figures: dict[str, Any], output: Path | None, as_json: bool) -> None:
    result = {"machine": machine.facts(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "figures": figures}
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=2) + "\n")
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        show(result)
    if failed := [name for name, found in figures.items() if "error" in found]:
        raise SystemExit(f"could not be measured: {', '.join(failed)}")


def chosen_of(package: Any, only: tuple[str, ...]) -> list[str]:
    known = names(package)
    if unknown := [name for name in only if name not in known]:
        raise click.BadParameter(f"{', '.join(unknown)}: there are {', '.join(known)}")
    return list(only) or known


output_options = [
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
    click.option("--output", type=click.Path(path_type=Path), help="Also write the JSON to this file."),
]


def with_output(command: Any) -> Any:
    for option in output_options:
        command = option(command)
    return command


@click.group()
def main() -> None:
    """Measure softswitch. Machines are noisy: quote ratios from one run, not single figures."""


@main.command("micro")
@click.argument("only", nargs=-1)
@with_output
def micro_command(only: tuple[str, ...], as_json: bool, output: Path | None) -> None:
    """In-process costs: parse, transaction step, digest, registrar, match, G.711, relays, one call."""
    finish(measure(micro, chosen_of(micro, only)), output, as_json)


@main.command("load")
@click.argument("only", nargs=-1)
@click.option(
    "--relay", type=click.Choice(RELAYS), default="auto", show_default=True, help="How media packets are moved."
)
@with_output
def load_command(only: tuple[str, ...], relay: str, as_json: bool, output: Path | None) -> None:
    """A running switch under load: registrations, calls, relayed audio, music, queue, idle. Takes minutes.

    The switch is pinned to the first processor, the load to the last: leave both to it.
    """
    lab.relay = relay
    finish(measure(load, chosen_of(load, only)), output, as_json)


@main.command("list")
def list_command() -> None:
    """Name the benchmarks."""
    for package in (micro, load):
        click.echo(f"{package.__name__.rpartition('.')[2]}: {' '.join(names(package))}")


@main.command("compare")
@click.argument("before")
@click.argument("after", default="HEAD")
@click.option("--kind", type=click.Choice(["micro", "load"]), default="micro", show_default=True)
@click.option("--only", multiple=True, help="Benchmarks to run; may be given several times.")
@click.option("--rounds", default=3, show_default=True, help="Runs of each commit, in turn.")
def compare_command(before: str, after: str, kind: str, only: tuple[str, ...], rounds: int) -> None:
    """Two commits side by side on this machine, run in turn; shows the medians and their ratio."""
    with tempfile.TemporaryDirectory(prefix="softswitch-compare-") as directory:
        trees = {revision: Path(directory, str(i)) for i, revision in enumerate((before, after))}
        samples: dict[str, list[dict[str, Any]]] = {before: [], after: []}
        try:
            for revision, tree in trees.items():
                subprocess.run(
                    ["git", "-C", str(ROOT), "worktree", "add", "-q", "--detach", str(tree), revision], check=True
                )
            for _ in range(rounds):
                for revision, tree in trees.items():
                    argv = [sys.executable, "-m", "bench", kind, "--json", *only]
                    environment = {**os.environ, "PYTHONPATH": str(tree)}
                    done = subprocess.run(
                        argv, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True
                    )
                    samples[revision].append(flatten(json.loads(done.stdout)["figures"]))
        finally:
            for tree in trees.values():
                subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree)], check=False)
    table = Table(title=f"median of {rounds} runs each, in turn")
    for column in ("figure", before, after, "after / before"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name in samples[before][0]:
        first, second = (median([run.get(name) for run in samples[revision]]) for revision in (before, after))
        if first is not None and second is not None:
            table.add_row(name, f"{first:,.4g}", f"{second:,.4g}", f"{second / first:.3f}" if first else "–")
    Console().print(table)


def median(values: list[Any]) -> float | None:
    numbers = sorted(float(value) for value in values if isinstance(value, int | float))
    return numbers[len(numbers) // 2] if numbers else None


if __name__ == "__main__":
    main()
