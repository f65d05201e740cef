"""What commands print: tables that lose nothing, however narrow the terminal, and colours only where they are wanted."""

from __future__ import annotations

import re

import pytest

from softswitch.cli import output

COLUMNS = [
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
]
ROWS = [["infolinia", 12, "3:07", 0, 5, 7, 120, 96, 11, "81 %"], ["reklamacje", 0, None, 2, 1, 3, 40, 38, 2, "95 %"]]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
CONTACT = "sip:101-0x563a73e3c140@192.0.2.2:18480"


class Terminal:
    """A terminal of so many columns, and what stands on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int) -> None:
        self._capsys = capsys
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))

    def lines(self) -> list[str]:
        return COLOURS.sub("", self._capsys.readouterr().out).splitlines()


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_no_name_and_no_value_is_cut(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(monkeypatch, capsys, columns)
    output.table("", COLUMNS, ROWS)
    lines = terminal.lines()
    text = "\n".join(lines)
    assert max(len(line) for line in lines) <= columns
    assert "…" not in text
    for column, *cells in zip(COLUMNS, *ROWS, strict=True):
        for word in (column.lstrip(">"), *(str(cell) for cell in cells if cell is not None)):
            assert word in text.replace("\n", " ") or all(part in text for part in word.split()), word
    # Whatever goes on below says again whose it is.
    assert sum("infolinia" in line for line in lines) == sum("┡" in line for line in lines)


def test_sentences_are_wrapped_between_words_before_a_table_is_taken_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(monkeypatch, capsys, 80)
    said = "nobody of the first line was free when the caller came, and the second line opens after thirty seconds"
    output.table("", ["call", "contact", "why"], [["6ce078fd0ede2d51", CONTACT, said]])
    lines = terminal.lines()
    assert sum("┡" in line for line in lines) == 1 and max(len(line) for line in lines) <= 80
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert rows[0][:2] == ["6ce078fd0ede2d51", CONTACT]
    assert " ".join(row[2] for row in rows) == said


def test_a_word_that_is_wider_than_the_terminal_is_folded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(monkeypatch, capsys, 60)
    output.table("", ["account", "path"], [["101", "x" * 150]])
    lines = terminal.lines()
    assert max(len(line) for line in lines) <= 60 and "".join(lines).count("x") == 150


def test_a_pipe_has_as_much_room_as_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    output.table("", ["account", "path", "more"], [["101", "x" * 300, "y " * 100]])
    out = capsys.readouterr().out
    assert "x" * 300 in out and ("y " * 100).strip() in out


def test_markup_in_a_value_is_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    output.table("", ["name"], [["[bold]Anna[/bold]"]])
    assert "[bold]Anna[/bold]" in capsys.readouterr().out


@pytest.mark.parametrize(("value", "coloured"), [("1", False), ("", True)])
def test_no_color_is_respected(
    value: str, coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", value)
    output.Failure("It failed.", "Do this.").show()
    assert ("\x1b[" in capsys.readouterr().err) is coloured


def test_one_and_many() -> None:
    assert [output.many(count, "call") for count in (0, 1, 2)] == ["0 calls", "1 call", "2 calls"]
    assert output.many(2, "person", "people") == "2 people"
