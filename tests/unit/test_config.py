"""softswitch.toml: defaults, file, environment, and errors that say where, what and what else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from softswitch.address import ListenAddress
from softswitch.config import SECTIONS, Config, config_toml, default_toml, find_config, load_config, packaged_prompts
from softswitch.errors import ConfigError


def load(tmp_path: Path, text: str, **environ: str) -> Config:
    file = tmp_path / "softswitch.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, environ=environ)


def errors(tmp_path: Path, text: str, **environ: str) -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    assert all(one.file.endswith("softswitch.toml") and one.key and one.expected for one in caught.value.problems)
    return list(caught.value.problems)


def test_an_empty_file_gives_the_defaults_with_absolute_paths(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert config.sip.listen == (ListenAddress("udp", "0.0.0.0", 5060), ListenAddress("tcp", "0.0.0.0", 5060))
    assert config.paths.database == tmp_path / "softswitch.sqlite"
    assert config.paths.log is None
    assert config.http.listen == ("127.0.0.1", 8080)


def test_the_template_says_every_setting_and_means_the_defaults(tmp_path: Path) -> None:
    template = default_toml()
    assert load(tmp_path, template) == load(tmp_path, "")
    active = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and line[2:].split(" ")[0] in SETTINGS else line
        for line in template.splitlines()
        if not line.startswith("# SOFTSWITCH_")
    )
    assert load(tmp_path, active) == load(tmp_path, "")
    for section, cls in SECTIONS.items():
        for one in fields(cls):
            assert f"{one.name} = " in template.split(f"[{section}]")[1]


SETTINGS = {one.name for cls in SECTIONS.values() for one in fields(cls)}


def test_the_template_with_values_and_the_effective_configuration_read_back(tmp_path: Path) -> None:
    template = default_toml({"sip.domain": "pbx.example.com", "sip.listen": ["udp://[::1]:5070"], "media.workers": 2})
    config = load(tmp_path, template)
    assert config.sip.domain == "pbx.example.com"
    assert config.sip.listen == (ListenAddress("udp", "::1", 5070),)
    assert config.media.workers == 2
    assert load(tmp_path, config_toml(config)) == config


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    config = load(tmp_path, '[http]\ntoken = "0123456789abcdefgh"')
    assert "0123456789abcdefgh" not in config_toml(config)
    assert "# token is set" in config_toml(config)


def test_listeners_ports_and_paths(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [sip]
        listen = ["udp://[2001:db8::1]:5080", "192.0.2.1:5062"]
        advertised = "sip.example.com"
        [media]
        ports = "30000-30099"
        hosts = ["192.0.2.1", "2001:db8::1"]
        [paths]
        database = "/var/lib/softswitch/db.sqlite"
        log = "logs/switch.log"
        [http]
        listen = ""
        """,
    )
    assert [str(one) for one in config.sip.listen] == [
        "udp://[2001:db8::1]:5080",
        "udp://192.0.2.1:5062",
        "tcp://192.0.2.1:5062",
    ]
    assert config.media.ports == (30000, 30099)
    assert config.media.hosts == ("192.0.2.1", "2001:db8::1")
    assert config.paths.database == Path("/var/lib/softswitch/db.sqlite")
    assert config.paths.log == tmp_path / "logs/switch.log"
    assert config.http.listen is None


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ('[sip]\nlisten = ["udp://127.1:5060"]', "sip.listen", "udp://0.0.0.0:5060"),
        ('[sip]\nlisten = ["udp://0.0.0.0:70000"]', "sip.listen", "udp://0.0.0.0:5060"),
        ('[sip]\nlisten = ["udp://::1:5060"]', "sip.listen", "udp://0.0.0.0:5060"),
        ('[sip]\nlisten = ["udp://localhost:5060"]', "sip.listen", "udp://0.0.0.0:5060"),
        ('[sip]\nlisten = ["sctp://0.0.0.0:5060"]', "sip.listen", "udp://, tcp://, tls://"),
        ('[sip]\nlisten = ["0.0.0.0:5060", "udp://0.0.0.0:5060"]', "sip.listen", "once"),
        ("[sip]\nlisten = []", "sip.listen", "a list of addresses"),
        ("[sip]\nlisten = [5060]", "sip.listen", "a list of addresses"),
        ('[sip]\nnode = "10"', "sip.node", "one letter or digit"),
        ('[sip]\ndomain = "a b"', "sip.domain", "a host name"),
        ('[media]\nports = "20001-30000"', "media.ports", "an even first port"),
        ('[media]\nports = "20000"', "media.ports", "a range"),
        ('[media]\nports = "20000-2_9999"', "media.ports", "a range"),
        ("[media]\nworkers = true", "media.workers", "a whole number from 0 to 64"),
        ("[media]\nrtp_timeout = nan", "media.rtp_timeout", "a number of seconds"),
        ("[registrar]\nminimum = 7000", "registrar.default", "minimum <= default"),
        ('[log]\nlevel = "inf"', "log.level", 'did you mean "info"'),
        ('[log]\nmask_numbers = "yes please"', "log.mask_numbers", "true or false"),
        ('[http]\nlisten = "0.0.0.0:5060"', "http.listen", "another port"),
        ('[http]\nlisten = "0.0.0.0:8080"', "http.listen", "http.token"),
        ('[http]\ntoken = "short"', "http.token", "16 or more"),
        ("sip = 5060", "sip", "a table"),
        (f'[paths]\nsocket = "/{"a" * 120}"', "paths.socket", "107 bytes"),
        ("[paths]\ndatabase = ''", "paths.database", "a path"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(tmp_path: Path, text: str, key: str, expected: str) -> None:
    found = errors(tmp_path, text)
    assert [one.key for one in found] == [key]
    assert expected in found[0].expected
    assert key in str(found[0])


def test_unknown_keys_come_with_the_nearest_known_one_and_all_errors_are_said_at_once(tmp_path: Path) -> None:
    found = errors(tmp_path, '[sip]\nlissten = ["x"]\n[meda]\nports = "1-2"\n[log]\nzzz = 1\nformat = "xml"')
    assert [(one.key, one.expected) for one in found[:2]] == [
        ("sip.lissten", '"listen" (did you mean that?)'),
        ("meda", '"media" (did you mean that?)'),
    ]
    assert [one.key for one in found[2:]] == ["log.zzz", "log.format"]
    assert found[2].expected.startswith("one of level, format")


def test_the_environment_overrules_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "value"
    secret.write_text("debug\n")
    config = load(
        tmp_path,
        '[log]\nlevel = "error"\n[media]\nworkers = 1',
        SOFTSWITCH_LOG_LEVEL_FILE=str(secret),
        SOFTSWITCH_MEDIA_WORKERS="3",
        SOFTSWITCH_SIP_LISTEN="udp://127.0.0.1:5060, tcp://127.0.0.1:5060",
        SOFTSWITCH_LOG_MASK_NUMBERS="true",
        SOFTSWITCH_CONFIG="elsewhere.toml",
        PATH="/bin",
    )
    assert config.log.level == "debug"
    assert config.log.mask_numbers is True
    assert config.media.workers == 3
    assert [one.transport for one in config.sip.listen] == ["udp", "tcp"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOFTSWITCH_LOG_LEVL", "debug"),
        ("SOFTSWITCH_MEDIA_WORKERS", "1_0"),
        ("SOFTSWITCH_MEDIA_WORKERS", "²"),
        ("SOFTSWITCH_LOG_LEVEL_FILE", "/nonexistent/file"),
    ],
)
def test_a_wrong_environment_variable_is_named(tmp_path: Path, name: str, value: str) -> None:
    found = errors(tmp_path, "", **{name: value})
    assert len(found) == 1
    assert name.removesuffix("_FILE").removeprefix("SOFTSWITCH_").split("_")[0] in found[0].key.upper()


def test_overrides_come_last(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.toml"
    file.write_text('[log]\nlevel = "error"')
    config = load_config(file, environ={"SOFTSWITCH_LOG_LEVEL": "info"}, overrides={"log.level": "debug"})
    assert config.log.level == "debug"


@pytest.mark.parametrize("content", [b"[sip\n", b"a = \xff", None])
def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "softswitch.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"softswitch\.toml"):
        load_config(file, environ={})


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config({"SOFTSWITCH_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")
    home = tmp_path / ".config" / "softswitch"
    home.mkdir(parents=True)
    (home / "softswitch.toml").touch()
    assert find_config({"HOME": str(tmp_path)}) == home / "softswitch.toml"
    (tmp_path / "softswitch.toml").touch()
    assert find_config({"HOME": str(tmp_path)}) == Path("softswitch.toml")


def test_reading_the_configuration_imports_nothing_heavy() -> None:
    code = "import softswitch.config, sys; print([m for m in ('pydantic', 'sqlalchemy', 'asyncio', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_our_prompts_are_found() -> None:
    assert (packaged_prompts() / "pl" / "welcome.wav").is_file()


def test_a_listener_may_have_an_address_of_its_own_outside() -> None:
    listen = ["udp://10.0.0.5:5060 as 203.0.113.7:5080", "tls://0.0.0.0:5061 as pbx.example.com", "0.0.0.0:5062"]
    config = load_config(environ={}, overrides={"sip.listen": listen, "tls.certificate": "x.pem"})
    udp, tls, plain, _ = config.sip.listen
    assert (udp.advertised_host, udp.advertised_port) == ("203.0.113.7", 5080)
    assert (tls.advertised_host, tls.advertised_port) == ("pbx.example.com", 0)
    assert plain.advertised_host == ""
    assert [str(one) for one in config.sip.listen[:2]] == listen[:2]


@pytest.mark.parametrize(
    "text", ["udp://0.0.0.0:5060 as ", "udp://0.0.0.0:5060 as a b", "udp://0.0.0.0:5060 as 1.2.3.4:99999"]
)
def test_or_not(text: str) -> None:
    if text.endswith(" as "):
        assert str(load_config(environ={}, overrides={"sip.listen": [text]}).sip.listen[0]) == "udp://0.0.0.0:5060"
        return
    with pytest.raises(ConfigError, match=r"sip\.listen"):
        load_config(environ={}, overrides={"sip.listen": [text]})


def test_networks_and_name_servers() -> None:
    config = load_config(
        environ={"SOFTSWITCH_NAT_LOCAL_NETWORKS": "10.1.0.0/16, fd00::/8"},
        overrides={"dns.servers": ["192.0.2.53", "192.0.2.54:5353", "[2001:db8::1]:53"]},
    )
    assert config.nat.local_networks == ("10.1.0.0/16", "fd00::/8")
    assert config.dns.servers == (("192.0.2.53", 53), ("192.0.2.54", 5353), ("2001:db8::1", 53))
    for key, value in (
        ("nat.local_networks", ["10.1.0.1/16"]),
        ("dns.servers", ["ns.example"]),
        ("nat.qualify", "maybe"),
    ):
        with pytest.raises(ConfigError, match=key):
            load_config(environ={}, overrides={key: value})
