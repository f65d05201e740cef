"""The pages: what headers they come with, and what becomes of a bundle that is not there. What they do: tests/browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from softswitch.api.app import build
from softswitch.api.feed import Feed
from softswitch.web import build as bundle
from tests.unit.api.test_auth import KEY
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import new_board

SOURCES = bundle.SOURCES


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(bundle, "DIST", tmp_path)
    return TestClient(build(new_board(), Feed(Journal()), key=KEY), base_url="http://pbx.example.com:8080")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>softswitch</title>")
    (tmp_path / "assets" / "main-ABC.js").write_text("1;")
    (tmp_path / "secret.js").write_text("no")
    return tmp_path


def test_the_document(client: TestClient, made: Path) -> None:
    answer = client.get("/")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "microphone=(self)" in answer.headers["permissions-policy"]
    again = client.get("/", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and not again.content
    (made / "index.html").write_text("other")
    assert client.get("/", headers={"If-None-Match": answer.headers["etag"]}).status_code == 200


def test_files_of_the_bundle(client: TestClient, made: Path) -> None:
    answer = client.get("/assets/main-ABC.js")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/assets/main-ABC.js", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    for name in ("main-XYZ.js", "..%2Fsecret.js", "../secret.js", ".hidden.js", "main-ABC.py"):
        assert client.get(f"/assets/{name}").status_code in (401, 404), name


def test_without_a_bundle_it_is_said_what_to_do(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 503 and "python -m softswitch.web.build" in answer.text


def test_a_name_that_is_none_stays_out_of_the_policy(client: TestClient, made: Path) -> None:
    answer = client.get("/", headers={"Host": "a; script-src *"})
    assert "script-src *" not in answer.headers["content-security-policy"]


def test_both_languages_say_the_same() -> None:
    """The same keys, but for the forms that a number takes: those are whatever the language has."""
    catalogues = sorted(SOURCES.rglob("pl.json"))
    assert len(catalogues) >= 2
    forms = {"pl": {"one", "few", "many", "other"}, "en": {"one", "other"}}
    for polish in catalogues:
        keys = {}
        for language in forms:
            texts = json.loads(polish.with_name(f"{language}.json").read_text())
            counted = {
                key.removesuffix(".other")
                for key, text in texts.items()
                if key.endswith(".other") and "{count}" in text
            }
            for one in counted:
                assert all(f"{one}.{form}" in texts for form in forms[language]), f"{polish}: {one}"
            keys[language] = {
                one
                for one in texts
                if not (one.rpartition(".")[0] in counted and one.rpartition(".")[2] in forms["pl"])
            } | counted
        assert keys["pl"] == keys["en"], polish.parent.name


def test_no_markup_is_made_of_data() -> None:
    """Values reach the pages as text: neither of these is anywhere in our sources."""
    for path in SOURCES.rglob("*.js"):
        text = path.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert f"{forbidden}" not in text.replace("there is no innerHTML anywhere", ""), f"{path.name}: {forbidden}"


def test_the_lock_names_no_registry() -> None:
    lock = json.loads(bundle.LOCK.read_text())
    assert not [name for name, one in lock["packages"].items() if "resolved" in one]
    assert all(one.get("integrity") for name, one in lock["packages"].items() if name)
