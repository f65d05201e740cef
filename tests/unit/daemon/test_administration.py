"""What an administrator does with a running switch by its API: objects, phones, prompts, a backup."""

from __future__ import annotations

import io
import json
import math
import ssl
import struct
import tarfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .running import PATIENCE, Running
from .test_facilities import ask


@pytest.fixture
def boss(switch: Running) -> Iterator[httpx.Client]:
    token = ask(switch, "token", "add", "boss", "--role", "administrator")["shown"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{switch.http}", headers=headers, timeout=PATIENCE) as client:
        yield client
    ask(switch, "token", "remove", "boss")


def recording() -> bytes:
    """A second of a tone as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        samples = (int(9_000 * math.sin(2 * math.pi * 440 * one / 16_000)) for one in range(16_000))
        sound.writeframes(b"".join(struct.pack("<h", one) for one in samples))
    return file.getvalue()


def test_objects_of_the_site(switch: Running, boss: httpx.Client) -> None:
    before = ask(switch, "export")["site"]
    pieces = [
        {"kind": "account", "name": "8501", "body": {"name": "Ola"}},
        {"kind": "extension", "name": "8590", "body": {"destination": "extension:8501"}},
    ]
    tried = boss.patch("/api/site?dry_run=true", json={"put": pieces}).json()
    assert tried["changes"] == [
        '+ account 8501: password set; name "Ola"',
        '+ extension 8590: destination "extension:8501"',
    ]
    assert ask(switch, "export")["site"] == before
    made = boss.patch("/api/site", json={"put": pieces}).json()
    assert len(made["secrets"]["account/8501"]) >= 20
    version = boss.get("/api/site/account/8501").json()["version"]
    stale = boss.put("/api/site/extension/8590", params={"version": version - 1}, json={"destination": "echo"})
    assert stale.status_code == 409 and "changed meanwhile" in stale.json()["error"]
    wrong = boss.put("/api/site/extension/8590", json={"destination": "queue:none"})
    assert wrong.status_code == 422 and wrong.json()["fields"][0]["key"] == "extensions.8590"
    newest = boss.get("/api/versions?limit=1").json()[0]
    assert (newest["version"], newest["actor"]) == (version, "token:boss")
    compared = boss.get(f"/api/versions/{version - 1}", params={"to": version}).json()
    assert compared["changes"] == newest["changes"]
    for kind, name in (("extension", "8590"), ("account", "8501")):
        assert boss.delete(f"/api/site/{kind}/{name}").status_code == 200
    assert ask(switch, "export")["site"] == before
    assert boss.get("/api/site/account/8501").status_code == 404
    assert "queue" in boss.get("/api/schema").json()["kinds"]


def test_a_phone_fetches_its_account_once(switch: Running, boss: httpx.Client) -> None:
    user = switch.facts["accounts"][0]["user"]
    sheets = boss.get(f"/api/accounts/{user}/settings", params={"transport": "tcp"}).json()
    assert (sheets["transport"], sheets["port"]) == ("tcp", switch.port)
    assert f"account.1.user_name = {user}" in next(
        one["file"] for one in sheets["phones"] if one["family"] == "yealink"
    )
    link = boss.post(f"/api/accounts/{user}/links", json={}).json()
    assert "Only this machine" in link["warning"] and link["qr"].startswith("<svg")
    first, second = httpx.get(link["url"]), httpx.get(link["url"])
    assert (first.status_code, second.status_code) == (200, 404)
    assert f'<entry name="username" overwrite="true">{user}</entry>' in first.text
    assert link["url"].rpartition("/")[2] not in switch.log(), "whoever reads the log gets no account by it"


def test_prompts(switch: Running, boss: httpx.Client) -> None:
    assert boss.get("/api/prompts/pl/of-our-own").status_code == 404
    made = boss.put("/api/prompts/pl/of-our-own", content=recording())
    assert made.status_code == 200 and made.json()["seconds"] == 1.0
    assert boss.get("/api/prompts", params={"added": True}).json()[0]["name"] == "of-our-own"
    heard = boss.get("/api/sounds/pl/of-our-own")
    assert heard.headers["content-type"] == "audio/wav" and heard.content[:4] == b"RIFF"
    refused = boss.put("/api/prompts/pl/of-our-own", content=b"no sound at all")
    assert refused.status_code == 409 and refused.json()["hint"]
    assert boss.put("/api/prompts/pl/..%2F..%2Fx", content=recording()).status_code in (404, 409)
    assert boss.delete("/api/prompts/pl/of-our-own").status_code == 200
    assert boss.get("/api/prompts", params={"added": True}).json() == []


def test_bans_and_a_backup(switch: Running, boss: httpx.Client) -> None:
    assert boss.post("/api/bans", json={"source": "192.0.2.99", "seconds": 60}).status_code == 201
    assert [one["source"] for one in boss.get("/api/bans").json()] == ["192.0.2.99"]
    assert boss.delete("/api/bans/192.0.2.99").json() == {"lifted": 1}
    answer = boss.get("/api/backup")
    assert answer.status_code == 200 and "attachment" in answer.headers["content-disposition"]
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert "softswitch.toml" in archive.getnames()
    deadline = time.monotonic() + PATIENCE
    while list((switch.directory / "lab").glob(".backup-*")):
        assert time.monotonic() < deadline, "the copy was sent, and is still there"
        time.sleep(0.05)
    assert json.loads(boss.get("/api/bans").text) == []


def test_pages_over_tls(tmp_path: Path) -> None:
    """On the very loop that the switch runs on: encrypted, and a redirect for who comes in clear."""
    running = Running(tmp_path, {"SOFTSWITCH_HTTP_TLS": "true"})
    try:
        running.start()
        address = f"127.0.0.1:{running.http}"
        trusted = ssl.create_default_context(cafile=running.facts["certificate"])
        with httpx.Client(verify=trusted, timeout=PATIENCE) as client:
            answer = client.get(f"https://{address}/api/status")
            assert answer.status_code == 200 and "max-age" in answer.headers["strict-transport-security"]
            moved = client.get(f"http://{address}/api/status")
            assert (moved.status_code, moved.headers["location"]) == (308, f"https://{address}/api/status")
            assert client.post(f"http://{address}/api/session", json={}).status_code == 403
            assert client.get(f"https://{address}/api/status").json()["faults"] == 0
    finally:
        running.close()
    assert "Traceback" not in running.log()
