from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from softswitch.cli import COMMANDS, main
from tests.unit.daemon.running import free_range

ROOT = Path(__file__).resolve().parents[3]
FAILED, USAGE, NOT_RUNNING, UNKNOWN, WRONG_CONFIG = 1, 2, 3, 4, 5


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("SOFTSWITCH_CONFIG", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def run(*arguments: str, text: str | None = None) -> Result:
    result = CliRunner().invoke(main, list(arguments), input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    return result


def data(*arguments: str, text: str | None = None) -> Any:
    result = run(*arguments, "--json", text=text)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def site(tmp_path: Path) -> dict[str, Any]:
    """A demo site in ./site, listening on ports that nobody has."""
    made: dict[str, Any] = data("init", "--listen", f"127.0.0.1:{free_port()}", "--domain", "example.com")
    return made


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


# --- help ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str) -> None:
    result = run(*([command] if command else []), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output and len(result.output) > 150
    if not command:
        assert all(name in result.output for name in COMMANDS)


def test_wrong_usage_has_its_own_exit_code() -> None:
    assert run("dance").exit_code == USAGE
    assert run("agent", "login").exit_code == USAGE
    assert run("calls", "hangup").exit_code == USAGE
    assert run("call", "spy", "x").exit_code == USAGE
    assert run("conference", "kick", "x").exit_code == USAGE
    assert run("lab").exit_code == USAGE
    assert "No such command 'dance'" in run("dance").output
    assert "Did you mean 'queue'?" in run("quee").output and "Did you mean" not in run("dance").output


def test_help_and_attach_import_nothing_heavy() -> None:
    code = (
        "import sys, softswitch.cli, softswitch.cli.live, softswitch.cli.site, softswitch.cli.run, softswitch.cli.lab\n"
        "import softswitch.config, softswitch.cli.context\n"
        "heavy = {'asyncio', 'numpy', 'sqlalchemy', 'structlog', 'fastapi', 'pydantic', 'uvloop', 'softswitch.daemon'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "" and done.returncode == 0


# --- no switch, no site ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["status", "queue show", "agent list", "calls", "registrations", "reload", "events"]
)
def test_without_a_site_the_way_to_one_is_told(command: str) -> None:
    result = run(*command.split())
    assert result.exit_code == WRONG_CONFIG
    assert "no softswitch.toml here" in result.output and "softswitch init" in result.output


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "queue show x",
        "agent ready x",
        "calls",
        "calls hangup x",
        "registrations",
        "call spy x --as y",
        "call merge x y",
        "conference",
        "conference kick x --all",
        "conference mute x",
        "conference lock x --off",
    ],
)
def test_without_a_switch_the_way_to_start_one_is_told(site: dict[str, Any], command: str) -> None:
    result = run(*command.split())
    assert result.exit_code == NOT_RUNNING
    assert "No switch is running here" in result.output and "softswitch serve" in result.output


def test_a_broken_configuration_names_file_key_and_value(site: dict[str, Any]) -> None:
    file = Path("site/softswitch.toml")
    file.write_text(file.read_text() + '\n[shutdwn]\ndrain_seconds = "long"\n')
    result = run("status")
    assert result.exit_code == WRONG_CONFIG
    assert "site/softswitch.toml" in result.output and "shutdwn" in result.output and "shutdown" in result.output


# --- init ----------------------------------------------------------------------------------------------------------------


def test_init_makes_a_private_site_with_fresh_passwords(site: dict[str, Any], tmp_path: Path) -> None:
    for name in ("softswitch.toml", "site.toml", "softswitch.sqlite"):
        assert stat.S_IMODE((tmp_path / "site" / name).stat().st_mode) == 0o600, name
    passwords = [one["password"] for one in site["accounts"]]
    assert len(set(passwords)) == len(passwords) >= 4 and min(map(len, passwords)) >= 20
    for name in ("softswitch.toml", "site.toml"):
        assert not any(password in (tmp_path / "site" / name).read_text() for password in passwords)
    assert {one["role"] for one in site["accounts"]} >= {"extension", "agent anna"}
    assert site["domain"] == "example.com" and site["extensions"]["hotline"]


def test_init_prints_what_a_phone_needs() -> None:
    output = run("init", "--listen", f"127.0.0.1:{free_port()}").output
    for word in (
        "SIP server",
        "Port",
        "Transport",
        "Password",
        "Authentication name",
        "sip:",
        "hotline",
        "softswitch serve",
    ):
        assert word in output


def test_init_never_overwrites(site: dict[str, Any], tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in (tmp_path / "site").iterdir() if file.suffix == ".toml"}
    result = run("init")
    assert result.exit_code == FAILED and "already" in result.output and "softswitch serve" in result.output
    assert {name: (tmp_path / "site" / name).read_bytes() for name in before} == before


def test_init_where_nothing_may_be_written_leaves_nothing() -> None:
    Path("file").write_text("")
    result = run("init", "file/site")
    assert result.exit_code == FAILED and "Choose a directory" in result.output


def test_init_says_what_is_wrong_with_an_address() -> None:
    result = run("init", "--listen", "phone:5060")
    assert result.exit_code == WRONG_CONFIG and "sip.listen" in result.output
    assert not Path("site").exists()


# --- accounts, apply, export -------------------------------------------------------------------------------------------------


def test_accounts_without_a_switch(site: dict[str, Any]) -> None:
    made = data("account", "add", "777", "--name", "Jan Nowak")
    assert made["user"] == "777" and len(made["password"]) >= 20
    again = data("account", "passwd", "777")
    assert again["password"] != made["password"]
    rows = {one["user"]: one for one in data("account", "list")}
    assert rows["777"]["name"] == "Jan Nowak" and rows["777"]["algorithms"] == ["SHA-256", "MD5"]
    assert "777" in run("account", "list").output
    assert run("account", "remove", "777").exit_code == 0
    assert "777" not in {one["user"] for one in data("account", "list")}


def test_a_password_comes_from_standard_input_and_is_not_shown(site: dict[str, Any]) -> None:
    result = run("account", "add", "778", "--password-stdin", text="correct-horse-battery\n")
    assert result.exit_code == 0 and "correct-horse" not in result.output
    assert run("account", "add", "779", "--password-stdin", text="short\n").exit_code == FAILED
    assert "779" not in {one["user"] for one in data("account", "list")}


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (("account", "passwd", "nobody"), UNKNOWN, "no account 'nobody'"),
        (("account", "remove", "nobody"), UNKNOWN, "no account 'nobody'"),
        (("account", "add", "101"), FAILED, "exists"),
        (("account", "remove", "101"), FAILED, "anna"),
        (("account", "add", "a b"), WRONG_CONFIG, "account"),
        (("apply", "missing.toml"), FAILED, "no file missing.toml"),
    ],
)
def test_what_cannot_be_done_says_why(site: dict[str, Any], arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code and said in result.output


def test_export_and_apply_are_inverse(site: dict[str, Any]) -> None:
    text = run("export").stdout
    Path("s.toml").write_text(text)
    assert data("apply", "s.toml")["changes"] == []
    assert "No change." in run("apply", "-", text=text).output
    assert run("export", "-o", "copy.toml").exit_code == 0
    assert Path("copy.toml").read_text() == text
    assert stat.S_IMODE(os.stat("copy.toml").st_mode) == 0o600
    assert "ha1" in text and "ha1" not in run("export", "--no-secrets").stdout


def test_export_into_a_device_leaves_it_a_device(site: dict[str, Any]) -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run("export", "-o", "pipe").exit_code == 0
    assert os.read(reader, 100).startswith(b"format = 1")
    os.close(reader)
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_a_site_in_another_encoding_is_refused_with_its_line(site: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "old.toml"
    file.write_bytes(data("export")["site"].encode() + '[queue.second]\ntitle = "Żółw"\n'.encode("iso8859-2"))
    result = run("apply", str(file))
    line = file.read_bytes().count(b"\n")
    assert result.exit_code == WRONG_CONFIG
    assert f"line {line} is not UTF-8 (octet 0xaf)" in result.output and "iconv" in result.output
    assert run("apply", str(tmp_path)).output.startswith(f"Error: {tmp_path} cannot be read: Is a directory.")


def test_apply_shows_the_difference_and_a_dry_run_changes_nothing(site: dict[str, Any]) -> None:
    text = run("export").stdout + '\n[account.500]\nname = "New"\npassword = "a-long-password"\n'
    Path("s.toml").write_text(text)
    dry = run("apply", "s.toml", "--dry-run")
    assert "+ account 500" in dry.output and "dry run" in dry.output and "a-long-password" not in dry.output
    assert "[account.500]" not in run("export").stdout
    assert data("apply", "s.toml")["version"] == 2
    assert "[account.500]" in run("export").stdout


def test_a_change_is_undone_by_one_command(site: dict[str, Any]) -> None:
    before = run("export").stdout
    Path("s.toml").write_text(before + '\n[account.500]\nname = "New"\npassword = "a-long-password"\n')
    run("apply", "s.toml")
    assert "- account 500" in run("rollback", "--dry-run").output
    assert "Site version 3 is in force." in run("rollback").output
    assert run("export").stdout == before
    shown = run("history").output
    assert "back to version 1" in shown and "+ account 500" in shown
    assert run("rollback", "99").exit_code == 1 and "softswitch history" in run("rollback", "99").output


def test_a_wrong_site_changes_nothing_and_names_every_mistake(site: dict[str, Any]) -> None:
    before = run("export").stdout
    Path("s.toml").write_text(before + '\n[queue.x]\nstrategi = "ring"\n[agent.y]\ndevice = "999999"\n')
    result = run("apply", "s.toml")
    assert result.exit_code == WRONG_CONFIG
    assert "strategi" in result.output and "strategy" in result.output and "Nothing was changed" in result.output
    assert run("export").stdout == before


# --- check, serve, lab -----------------------------------------------------------------------------------------------------


def findings(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = run("check", *arguments, "--json")
    return result.exit_code, {one["what"]: one for one in json.loads(result.stdout)}


def set_setting(section: str, line: str) -> None:
    file = Path("site/softswitch.toml")
    text = file.read_text().replace(f"[{section}]\n", f"[{section}]\n{line}\n")
    file.write_text(text)


@pytest.fixture
def quiet(site: dict[str, Any]) -> dict[str, Any]:
    site["rtp"] = free_range(100)
    set_setting("http", 'listen = ""')
    set_setting("media", f'ports = "{site["rtp"]}"\nhosts = ["127.0.0.1"]')
    return site


def test_check_of_a_good_site(quiet: dict[str, Any]) -> None:
    code, found = findings()
    assert code == 0, found
    assert set(found) == {"settings", "prompts", "flows", "strategies", "site", "ports", "media", "folders"}
    assert "accounts" in found["site"]["detail"]
    assert run("check").exit_code == 0


def test_check_looks_at_flows_in_python(quiet: dict[str, Any]) -> None:
    set_setting("paths", 'flows = "flows"')
    folder = Path("site/flows")
    folder.mkdir()
    words = "from softswitch.flows import Play, flow\n@flow()\ndef greet(caller):\n    yield Play('welcome')\n"
    (folder / "mine.py").write_text(words)
    (folder / "broken.py").write_text("raise RuntimeError('no')")
    code, found = findings()
    assert code != 0
    assert "broken.py: RuntimeError: no" in found["flows"]["problem"] and found["flows"]["hint"]
    (folder / "broken.py").unlink()
    site = Path("site.toml")
    site.write_text(
        run("export").output.replace("[extensions]\n", '[extensions]\n805 = "flow:greet"\n806 = "flow:gone"\n')
    )
    code, found = findings("--site", str(site))
    assert code != 0 and found["flows"]["detail"] == "greet"
    assert "flows that are not there: gone" in found["site"]["problem"]
    site.write_text(site.read_text().replace('806 = "flow:gone"\n', ""))
    assert findings("--site", str(site))[0] == 0


def test_check_names_a_busy_port_and_who_has_it(quiet: dict[str, Any]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", quiet["port"]))
        code, found = findings()
    assert code == FAILED
    assert "already in use" in found["ports"]["problem"] and str(os.getpid()) in found["ports"]["problem"]
    assert found["ports"]["hint"]


@pytest.fixture
def taken_rtp(quiet: dict[str, Any]) -> Iterator[str]:
    """The first port of the RTP range, all of which others have."""
    first = int(quiet["rtp"].partition("-")[0])
    held = []
    for port in range(first, first + 100):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", port))
        held.append(sock)
    yield str(first)
    for sock in held:
        sock.close()


def test_no_free_rtp_ports_is_said_with_a_free_range(quiet: dict[str, Any], taken_rtp: str) -> None:
    code, found = findings()
    assert code == FAILED
    assert f"RTP ports between {taken_rtp} and" in found["media"]["problem"] and "media.ports" in found["media"]["hint"]
    done = serve()
    assert done.returncode == FAILED
    assert done.stderr.startswith(f"Error: RTP port {taken_rtp}") and "Traceback" not in done.stderr


def test_check_of_a_site_file(quiet: dict[str, Any]) -> None:
    Path("bad.toml").write_text('format = 1\ndomain = "example.com"\n[queue.q]\nmembers = ["ghost"]\n')
    code, found = findings("--site", "bad.toml")
    assert code == WRONG_CONFIG and "ghost" in found["site"]["problem"]


def test_check_misses_prompts(quiet: dict[str, Any]) -> None:
    Path("nothing").mkdir()
    set_setting("paths", f'prompts = "{Path("nothing").resolve()}"')
    _, found = findings()
    assert "no prompts" in found["prompts"]["problem"] and "paths.prompts" in found["prompts"]["hint"]


def serve() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "softswitch.cli", "serve", "--config", str(Path("site").resolve())],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_serve_on_a_busy_port_says_who_has_it(quiet: dict[str, Any], kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", quiet["port"]))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        done = serve()
    assert done.returncode == FAILED
    assert "already in use" in done.stderr and str(os.getpid()) in done.stderr and "another port" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_on_an_address_of_another_machine(quiet: dict[str, Any]) -> None:
    file = Path("site/softswitch.toml")
    file.write_text(file.read_text().replace(f"127.0.0.1:{quiet['port']}", "192.0.2.55:5060"))
    done = serve()
    assert done.returncode == FAILED
    assert "no address 192.0.2.55" in done.stderr and "127.0.0.1" in done.stderr and "Traceback" not in done.stderr


def test_lab_stays_on_this_machine_unless_told() -> None:
    result = run("lab", "--dir", "lab", "--listen", "0.0.0.0:5060")
    assert result.exit_code == FAILED and "--allow-public" in result.output
    result = run("lab", "--dir", "lab", "--listen", "127.0.0.1:5060", "--http", "10.0.0.1:80")
    assert result.exit_code == FAILED and "--allow-public" in result.output
    assert run("lab", "--dir", "lab", "--listen", "here").exit_code == FAILED
    assert not Path("lab").exists()


def test_a_demo_keeps_out_of_the_way_of_other_programs(tmp_path: Path) -> None:
    from softswitch.config import load_config
    from softswitch.setup import SetupError, create_demo

    with socket.socket() as pages, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        pages.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # Somebody has it already: as good.
            pages.bind(("127.0.0.1", 8080))
            pages.listen()
        phone.bind(("127.0.0.1", 0))
        busy = f"127.0.0.1:{phone.getsockname()[1]}"
        with pytest.raises(SetupError, match="is already in use by") as refused:
            create_demo(tmp_path / "busy", domain="", listen=busy, language="pl", probe=True)
        assert "with --listen" in refused.value.hint and not (tmp_path / "busy").exists()
        phone.close()
        create_demo(tmp_path / "demo", domain="", listen=busy, language="pl", probe=True)
        assert load_config(tmp_path / "demo" / "softswitch.toml", environ={}).http.listen != ("127.0.0.1", 8080)


def test_an_empty_site_has_an_administrator_and_nothing_to_undo() -> None:
    made = data("init", "empty", "--empty", "--listen", "127.0.0.1:5060", "--domain", "example.com")
    assert made["accounts"] == [] and made["hours"] == {}
    assert [(one["user"], one["role"], len(one["password"]) >= 20) for one in made["people"]] == [
        ("admin", "administrator", True)
    ]
    assert set(made["extensions"]) == {"echo", "music"}


def test_another_port_is_another_port_where_there_is_a_site_already(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for phone in (first, other):
            phone.bind(("127.0.0.1", 0))
        ports = [phone.getsockname()[1] for phone in (first, other)]
        data("init", "demo", "--listen", f"127.0.0.1:{ports[0]}", "--domain", "example.com")
        for option, port in (((), ports[0]), (("--listen", f"127.0.0.1:{ports[1]}"), ports[1])):
            result = run("demo", "--dir", "demo", *option)
            assert result.exit_code == FAILED and f"127.0.0.1:{port} (UDP) is already in use" in result.output
