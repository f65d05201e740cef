"""The pages in docs/ say what the program does: reference parts are generated, names are all there, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from softswitch import operations
from softswitch.cli import COMMANDS
from softswitch.config import SECTIONS
from softswitch.directory import DEFAULT_FEATURE_CODES
from softswitch.store.demo import DIRECT, ECHO, HOTLINE, MUSIC

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PHONES = sorted((DOCS / "phones").glob("*.md"))
PAGES = sorted([*DOCS.glob("*.md"), *PHONES, *ROOT.glob("*.md")])


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["configuration.md", "cli.md", "events.md", "feature-codes.md"])
def test_the_reference_is_up_to_date(generator: ModuleType, page: str) -> None:
    assert text(page) == generator.render(page), f"{page} is out of date; run: python docs/generate.py"


def test_every_setting_is_documented() -> None:
    page = text("configuration.md")
    for section, cls in SECTIONS.items():
        part = page.partition(f"### [{section}]\n")[2].partition("\n### ")[0]
        assert [one.name for one in fields(cls) if f"| `{one.name}` |" not in part] == [], section


def test_every_command_is_documented() -> None:
    page = text("cli.md")
    assert [name for name in COMMANDS if f"### `softswitch {name}" not in page] == []


def test_every_event_is_documented_in_words(generator: ModuleType) -> None:
    page = text("events.md")
    for cls in generator.event_classes():
        assert f"### `{cls.name}`\n" in page
        assert cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}("), f"{cls.__name__} has no docstring"


@pytest.mark.parametrize("page", sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]), ids=lambda page: page.name)
def test_pages_name_nothing_that_readers_cannot_look_up(page: Path) -> None:
    assert re.findall(r"\((?:[A-Z]{2,4}|B|C)-[0-9]+[,)]", page.read_text(encoding="utf-8")) == []


def test_every_metric_is_documented() -> None:
    source = Path(operations.__file__).read_text(encoding="utf-8")
    names = {f"softswitch_{name}" for name in re.findall(r'_gauge\("(\w+)"', source)}
    names |= {f"softswitch_{name}_total" for name in re.findall(r'_counter\("(\w+)"', source)}
    names |= {f"softswitch_queue_{name}" for name in operations.QUEUE_GAUGES}
    for name, rest in re.findall(r'Sample\("(softswitch_\w+)", (.+)', source):
        names.add(f"{name}_total" if '"counter"' in rest else name)
    assert len(names) > 20
    page = text("operating.md")
    assert sorted(name for name in names if f"`{name}`" not in page) == []


def test_numbers_to_dial_are_those_of_a_new_site() -> None:
    page, codes = text("phones.md"), text("feature-codes.md")
    assert [number for number in (HOTLINE, DIRECT, ECHO, MUSIC) if f"`{number}`" not in page] == []
    assert [code for code in DEFAULT_FEATURE_CODES if f"`{code}`" not in codes] == []


@pytest.mark.parametrize("page", PHONES, ids=lambda page: page.name)
def test_each_phone_has_its_settings_and_its_tests(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w[\w ]*) \|", content, re.MULTILINE)
    wanted = (
        *("Server", "Port", "Account", "Transport", "Encryption", "Codecs", "DTMF", "Keys with lamps", "Pickup"),
        *("Voicemail", "Transfer", "Session timer", "NAT"),
    )
    assert [row for row in rows if row in wanted] == list(wanted)
    tests = re.findall(r"`(tests/\S+\.py)`", content)
    assert tests and all((ROOT / test).exists() for test in tests)
    assert f"(phones/{page.name})" in text("phones.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_in_toml_are_toml(page: Path) -> None:
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        tomllib.loads(example)


def test_the_layout_table_names_what_there_is() -> None:
    layout = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| folder |")[2].partition("\n\n")[0]
    modules = [
        file.name for file in (ROOT / "softswitch").iterdir() if file.is_dir() and (file / "__init__.py").exists()
    ]
    assert [name for name in modules if f"{name}/" not in layout] == []
    for names in re.findall(r"^\| `([^`]+)`", layout, re.MULTILINE):
        words = names.split()
        folder = ROOT / "softswitch" if words[0].startswith("softswitch/") else ROOT
        for word in words:
            assert (folder / word.removeprefix("softswitch/")).exists(), word
