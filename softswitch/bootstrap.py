"""From a fresh checkout to a running command: make `.venv`, install softswitch into it, go on there. Standard library only.

A fresh Debian or Ubuntu has python3 without the part that makes virtual environments; it is installed as a package when
we are root or may use sudo, and named in the message when not.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / ".softswitch-installed"
OLDEST = (3, 11)


def needed() -> bool:
    """Whether our dependencies are missing here, and this is a checkout where we can install them."""
    return importlib.util.find_spec("uvloop") is None or importlib.util.find_spec("click") is None


def run(arguments: Sequence[str]) -> NoReturn:
    """Make or refresh the environment, then replace this process by the command inside it."""
    if not (ROOT / "pyproject.toml").is_file():
        fail("softswitch's dependencies are not installed.", "Install it with: pip install softswitch")
    python = prepare()
    os.execv(python, [str(python), "-m", "softswitch", *arguments])


def prepare(extras: str = "") -> Path:
    """The environment's python, with softswitch installed. `extras`: such as "[test]"."""
    if sys.version_info < OLDEST:
        fail(
            f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}.",
            f"Name a newer one, for example: python{OLDEST[0]}.{OLDEST[1]} -m softswitch demo",
        )
    python = ENVIRONMENT / "bin" / "python"
    wanted = fingerprint(extras)
    if STAMP.is_file() and STAMP.read_text() == wanted and python.exists():
        return python
    if not python.exists():
        say(f"Making a Python environment in {ENVIRONMENT.name}/ ...")
        make_environment()
    say("Installing softswitch and its dependencies (a minute or two, once) ...")
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--editable",
        f"{ROOT}{extras}",
    ]
    if subprocess.run(command, check=False).returncode:
        fail("pip could not install the dependencies.", "See its message above; is the package index reachable?")
    STAMP.write_text(wanted)
    return python


def make_environment() -> None:
    """`python3 -m venv`, after installing the distribution's package for it if that part is missing."""
    command = [sys.executable, "-m", "venv", str(ENVIRONMENT)]
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        say(f"python3 lacks its venv part: installing {package} ...")
        apt_install([package])
    if subprocess.run(command, check=False).returncode:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        fail("The Python environment could not be made.", f"Try it by hand: {' '.join(command)}")


def apt_install(packages: Sequence[str]) -> None:
    """Install Debian packages, with sudo where we are not root."""
    advice = f"Install it by hand: apt-get install {' '.join(packages)}"
    apt = shutil.which("apt-get")
    if not apt:
        fail(f"{', '.join(packages)} is missing and there is no apt-get here.", advice)
    prefix: list[str] = []
    if os.geteuid() != 0:
        sudo = shutil.which("sudo")
        if not sudo:
            fail(f"{', '.join(packages)} is missing, and without root or sudo it cannot be installed.", advice)
        prefix = [sudo]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["-qq", "-o=Dpkg::Use-Pty=0"]
    for arguments in (["update", *quiet], ["install", "-y", *quiet, "--no-install-recommends", *packages]):
        # What dpkg tells about each step interests nobody; errors go to standard error.
        done = subprocess.run([*prefix, apt, *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            fail(f"apt-get could not install {', '.join(packages)}.", advice)


def fingerprint(extras: str) -> str:
    """Changes when the dependencies or the place of the checkout change."""
    declared = (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(declared + extras.encode() + str(ROOT).encode() + sys.version.encode()).hexdigest()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fail(what: str, advice: str) -> NoReturn:
    raise SystemExit(f"softswitch: {what}\n  {advice}")
