"""Finding flows in Python: files that are good, broken, changed; names that are taken."""

from __future__ import annotations

from pathlib import Path

from softswitch.plugins import find

GOOD = """
from softswitch.flows import Play, flow

@flow("one", fallback="queue:x")
def first(caller):
    yield Play("{clip}")

@flow()
def second(caller):
    yield Play("b")

def helper(caller):
    yield Play("c")
"""


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_flows_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", GOOD.replace("{clip}", "a"))
    found = find(tmp_path)
    assert found.faults == []
    assert {name: one.fallback for name, one in found.flows.items()} == {"one": "queue:x", "second": ""}
    assert [word.clips for word in found.flows["one"].function(None)] == [("a",)]


def test_a_changed_file_is_taken_and_a_broken_one_keeps_what_was(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", GOOD.replace("{clip}", "a"))
    before = find(tmp_path).flows
    write(tmp_path, "mine.py", GOOD.replace("{clip}", "other"))
    after = find(tmp_path, before).flows
    assert [word.clips for word in after["one"].function(None)] == [("other",)]
    assert [word.clips for word in before["one"].function(None)] == [("a",)], "calls in progress keep theirs"
    write(tmp_path, "mine.py", "def (")
    broken = find(tmp_path, after)
    assert broken.flows == after
    ((where, why),) = broken.faults
    assert where.endswith("mine.py") and why.startswith("SyntaxError")


def test_faults_cost_their_own_flows_only(tmp_path: Path) -> None:
    write(tmp_path, "a.py", GOOD)
    write(tmp_path, "b.py", "raise RuntimeError('no')")
    write(tmp_path, "c.py", GOOD)
    write(tmp_path, "d.py", "from softswitch.flows import flow\n@flow('plain')\ndef f(caller):\n    return 5\n")
    write(tmp_path, "e.py", "from softswitch.flows import flow\n@flow('a:b')\ndef f(caller):\n    yield 5\n")
    found = find(tmp_path)
    assert set(found.flows) == {"one", "second"}
    said = "\n".join(f"{Path(where).name}: {why}" for where, why in found.faults)
    assert "b.py: RuntimeError: no" in said
    assert "c.py: the flow one is in" in said
    assert "d.py: plain is no generator function" in said
    assert "e.py: 'a:b' is no name" in said


def test_no_folder(tmp_path: Path) -> None:
    assert find(None).flows == {}
    assert find(tmp_path / "gone").faults == [(str(tmp_path / "gone"), "there is no such folder")]
