"""Records, recordings and the audit of a real switch; and a person who is forgotten, over a kill."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from media import wavfile
from softswitch.cli import main
from softswitch.events import RecordingFinished, RecordingStarted
from softswitch.store.moment import present
from softswitch.store.sqlite import Store
from tests.unit.store.samples import ended, joined, left, leg_ended, started

from .running import PATIENCE, Running
from .test_facilities import ask

NUMBER, OTHER = "+48600100200", "+48600100201"
EVIL = '=HYPERLINK("http://evil.example")'


async def past(path: Path) -> None:
    """Three calls of the person in the queue, and one of somebody else, two of them recorded."""
    store = await Store.open(path)
    seq = (await store.load()).next_seq
    for index, caller in enumerate((NUMBER, "600100200", NUMBER, OTHER)):
        call = f"c{index}"
        for event in (
            replace(started(call, caller), caller_name=EVIL),
            replace(joined(index + 1, call, "lab"), number=caller),
            RecordingStarted(
                index + 1, call, f"a/{caller}-{call}.wav", "lab", "anna", caller, "wav", "always", "rule", 30
            ),
            RecordingFinished(index + 1, call, f"a/{caller}-{call}.wav", 1.0, 32_044),
            left(index + 1, call, "answered", queue="lab", agent="anna"),
            leg_ended(call, f"l{index}"),
            ended(call, caller=caller, caller_name=EVIL, queue="lab", agent="anna"),
        ):
            store.publish(seq, present().wall, present().mono, event)
            seq += 1
    await store.close()


def files(folder: Path) -> None:
    (folder / "a").mkdir(parents=True, exist_ok=True)
    data = b"\x00\x10\x00\x20" * 8_000
    for index, caller in enumerate((NUMBER, "600100200", NUMBER, OTHER)):
        (folder / f"a/{caller}-c{index}.wav").write_bytes(wavfile.header(8000, len(data)) + data)


def prepared(switch: Running) -> Path:
    switch.signal(signal.SIGTERM)
    switch.wait()
    database = switch.directory / "lab" / "softswitch.sqlite"
    asyncio.run(past(database))
    files(switch.directory / "lab" / "recordings")
    switch.start()
    return database


def api(switch: Running, token: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=f"http://127.0.0.1:{switch.http}", headers=headers, timeout=PATIENCE)


def audited(page: httpx.Client, action: str) -> list[Any]:
    found = page.get(f"/api/audit?action={action}").json()["audit"]
    return [(one["actor"], one["subject"], one["source"]) for one in found]


def test_a_recording_is_found_seen_heard_and_shared(own_switch: Running) -> None:
    switch = own_switch
    prepared(switch)
    token = ask(switch, "token", "add", "boss", "--role", "administrator")["shown"]
    with api(switch, token) as page, api(switch) as stranger:
        found = page.get("/api/records", params={"number": "600 100 200", "recorded": True}).json()
        assert [one["call"] for one in found["calls"]] == ["c2", "c1", "c0"] and found["next"] is None
        story = page.get("/api/records/c1").json()
        assert story["recordings"][0]["recording"] == 2 and story["events"][0]["event"] == "call.created"
        lines = page.get("/api/records/export", params={"number": OTHER}).text
        assert [row["caller_name"] for row in csv.DictReader(io.StringIO(lines))] == [f"'{EVIL}"]
        assert len(page.get("/api/records/export?what=legs&form=jsonl").text.splitlines()) == 4

        marked = page.patch("/api/recordings/2", json={"tags": ["good"], "note": "calm"}).json()
        assert (marked["tags"], marked["note"], "path" in marked) == (["good"], "calm", False)
        assert [one["recording"] for one in page.get("/api/recordings?tag=good").json()] == [2]
        audio = page.get("/api/recordings/2/audio", headers={"Range": "bytes=0-43"})
        assert audio.status_code == 206 and audio.content[:4] == b"RIFF" and len(audio.content) == 44
        page.get("/api/recordings/2/audio", headers={"Range": "bytes=44-99"})
        peaks = page.get("/api/recordings/2/peaks?slices=200").json()
        assert peaks == {"seconds": 1.0, "sides": [[0.125] * 200, [0.25] * 200]}
        assert peaks == page.get("/api/recordings/2/peaks?slices=150").json(), "computed once"
        assert len(list((switch.directory / "lab" / "recordings" / "a").glob("*.peaks"))) == 1
        assert page.get("/api/recordings/77/peaks").status_code == 404

        link = page.post("/api/recordings/2/links", json={"hours": 1}).json()["path"]
        heard = stranger.get(link)
        assert heard.status_code == 200 and heard.content[:4] == b"RIFF"
        for wrong in (link.replace("recordings/2", "recordings/3"), link[:-1], link.replace("until=", "until=1")):
            assert stranger.get(wrong).status_code == 404
        told = csv.DictReader(io.StringIO(page.get("/api/records/export?recorded=true&links=2").text))
        urls = {row["call"]: row["recording_urls"] for row in told}
        assert set(urls) == {"c0", "c1", "c2", "c3"}
        assert urls["c1"].startswith(f"http://127.0.0.1:{switch.http}/shared/recordings/2?")
        assert stranger.get(urls["c1"]).content == heard.content
        (one,) = page.get(f"/api/records/export?form=jsonl&links=2&number={OTHER}").text.splitlines()
        assert stranger.get(json.loads(one)["recording_urls"][0]).status_code == 200
        environment = {"SOFTSWITCH_CONFIG": str(switch.directory / "lab")}
        printed = CliRunner().invoke(main, ["records", "--csv", "--links", "2", "--number", OTHER], env=environment)
        assert "/shared/recordings/4?until=" in printed.output
        name, queue = ask(switch, "agent", "list")[0]["agent"], ask(switch, "queue", "show")[0]["name"]
        for role, queues, status in (
            ("auditor", (), 403),
            ("agent", ("--agent", name), 403),
            ("supervisor", ("--queue", queue), 200),
        ):
            with api(switch, ask(switch, "token", "add", f"of-{role}", "--role", role, *queues)["shown"]) as other:
                assert other.get("/api/records/export?links=2").status_code == status, role

        switch.signal(signal.SIGKILL)
        switch.wait()
        switch.start()
        assert stranger.get(link).status_code == 200, "a restart keeps links"
        assert page.delete("/api/recordings/links").status_code == 204
        assert stranger.get(link).status_code == stranger.get(urls["c1"]).status_code == 404

        here = "127.0.0.1"
        assert audited(page, "audit") == audited(page, "audit") == [], "who looks does nothing"
        assert audited(page, "recording.played")[-2:] == [("link:token:boss", "2", here), ("token:boss", "2", here)]
        assert audited(page, "recording.shared") == [("token:boss", "2", "")]
        exported = audited(page, "records.exported")
        assert {("token:boss", "calls", here), ("token:boss", "calls with links for 2 hours", here)} <= set(exported)
        stranger.post("/api/session", json={"user": "nobody", "password": "hunter2-typed-as-a-name"})
        assert audited(page, "session") == [("?", "", here)]
        assert {"edit", "config.changed"} <= {one["action"] for one in ask(switch, "audit", "--actor", "cli")}


def stands_in(database: Path) -> list[str]:
    """Where the number still stands."""
    found = []
    with closing(sqlite3.connect(database)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                if "600100200" in " ".join(map(str, row)):
                    found.append(f"{table}: {row}"[:300])
    return found


def counted(database: Path) -> list[str]:
    """Whose numbers the reports know."""
    with closing(sqlite3.connect(f"{database}.reports")) as rows:
        return [number for (number,) in rows.execute("SELECT number FROM report_numbers")]


def test_who_is_forgotten_stays_forgotten(own_switch: Running, tmp_path: Path) -> None:
    switch = own_switch
    database = prepared(switch)
    cards = tmp_path / "customers.csv"
    cards.write_text(f"customer,name,numbers,segment\nK1,Jan Kowalski,{NUMBER},gold\nK2,Ola,{OTHER},\n")
    ask(switch, "customers", "import", str(cards))
    ask(switch, "recording", "mark", "3", "--hold")
    deadline = time.monotonic() + PATIENCE
    while ask(switch, "callers", "show", NUMBER)["calls_day"] != 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    books = ask(switch, "records")
    ask(switch, "report", "missed")
    assert NUMBER in counted(database)
    found = ask(switch, "erase", "600 100 200", "--yes")
    pseudonym = found["pseudonym"]
    assert (found["calls"], found["recordings"], found["held"], found["customers"]) == (3, 2, 1, 1)
    folder = switch.directory / "lab" / "recordings" / "a"
    assert sorted(one.name for one in folder.glob("*.wav")) == [f"{NUMBER}-c2.wav", f"{OTHER}-c3.wav"]
    after = ask(switch, "records")
    assert [one["caller"] for one in after] == [OTHER, pseudonym, pseudonym, pseudonym]
    assert [one["caller_name"] for one in after] == [EVIL, "", "", ""]
    same = ("call", "seq", "started_at", "outcome", "talk_seconds", "queue", "agent")
    assert [[one[name] for name in same] for one in after] == [[one[name] for name in same] for one in books]
    assert ask(switch, "customers", "show", pseudonym)["segment"] == "gold"
    switch.signal(signal.SIGKILL)
    switch.wait()
    assert [one for one in stands_in(database) if not one.startswith("recordings: (3,")] == []
    switch.start()
    assert ask(switch, "callers", "show", NUMBER)["calls_day"] == 0
    assert stands_in(database)[1:] == []
    ask(switch, "report", "missed")
    assert OTHER in counted(database) and NUMBER not in counted(database)
    (row,) = ask(switch, "audit", "--action", "records.erased")
    assert row["actor"] == "cli" and row["subject"] == pseudonym and "600100200" not in json.dumps(row)
