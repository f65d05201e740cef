"""Which recordings the media workers must know for a site: prompts by language, music by class."""

from __future__ import annotations

from pathlib import Path

from media.control import Load
from softswitch.config import packaged_prompts
from softswitch.directory import Directory


def clips(site: Directory, own: Path | None) -> list[Load]:
    """The prompts that callers of this site may hear, as "LANGUAGE/NAME".

    All in the languages that the site speaks, and in English what one of them lacks: a caller hears another language
    rather than nothing. A folder of one's own stands before what we ship.
    """
    files: dict[str, dict[str, Path]] = {}
    for root in (packaged_prompts(), *([own] if own else [])):
        for file in root.glob("*/**/*.wav"):
            language, _, name = file.relative_to(root).with_suffix("").as_posix().partition("/")
            files.setdefault(language, {})[name] = file
    spoken = languages(site)
    known = [files.get(language, {}).keys() for language in spoken]
    lacking = [name for name in files.get("en", {}) if not all(name in names for names in known)]
    wanted = [(language, name) for language in spoken for name in files.get(language, {})]
    wanted += [("en", name) for name in lacking if "en" not in spoken]
    return [Load(f"{language}/{name}", str(files[language][name])) for language, name in sorted(wanted)]


def languages(site: Directory) -> set[str]:
    """Every language that the site speaks to somebody."""
    places = (site.accounts, site.menus, site.queues)
    named = {thing.language for place in places for thing in place.values()}
    return {site.language} | named - {""}


def music(site: Directory, own: Path | None) -> list[Load]:
    """Every class of music of the site; "default" is there whatever the site says."""
    roots = [root / "moh" for root in (own, packaged_prompts()) if root is not None]
    classes = {"default": tuple(sorted(file.name for file in roots[-1].glob("*.wav"))), **site.music}
    found = []
    for name, files in classes.items():
        paths = [path for file in files for root in roots if (path := root / file).is_file()]
        if paths:
            first, *more = map(str, paths)
            found.append(Load(name, first, music=True, more=tuple(more)))
    return found
