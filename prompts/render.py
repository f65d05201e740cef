#!/usr/bin/env python3
"""Render the prompt catalogue with RHVoice: only for whoever changes a text; the WAV files are part of the repository.

Needs RHVoice 1.14 with its Polish and English voices (Debian 13, contrib and non-free; see README.md), numpy and soxr.
Each clip is cut to its speech, brought to the same loudness and written as mono PCM16, 8 kHz unless told otherwise.

    python3 prompts/render.py                    # renders what is missing, removes what the catalogue no longer has
    python3 prompts/render.py --all              # renders everything anew
    python3 prompts/render.py --root /srv/trixie # RHVoice lives in this chroot (needs root)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 8_000  # samples per second: what G.711 carries, and half the repository that 16,000 would take (`--rate`)
LEVEL_DBFS = -20.0  # RMS of the active speech
PEAK_DBFS = -3.0  # a clip with higher peaks stays quieter rather than be bent
ACTIVE_DB = -30.0  # a 20 ms frame this far under the loudest one is not speech
LEAD = 0.02  # seconds kept before and after the speech: short, so that numbers join closely
TAIL = 0.06

Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clip:
    """One file to be: `name` may hold a slash ("numbers/7")."""

    language: str
    name: str
    text: str
    voice: str

    def path(self, root: Path) -> Path:
        return root / self.language / f"{self.name}.wav"


def clips(catalogue: Path) -> Iterator[Clip]:
    """All clips of the catalogue. Raises KeyError for a phrase that a language lacks."""
    content = tomllib.loads(catalogue.read_text(encoding="utf-8"))
    for language, settings in content["languages"].items():
        for name, texts in content["phrases"].items():
            yield Clip(language, name, texts[language], settings["voice"])
        for name, text in content[language].items():
            yield Clip(language, name, text, settings["voice"])


def speak(clip: Clip, root: Path, program: str) -> tuple[Signal, int]:
    """The voice's own rendering: samples in -1..1 and their rate. Raises CalledProcessError."""
    output = Path("tmp") / "softswitch-prompt.wav"
    command = [program, "-p", clip.voice, "-o", f"/{output}"]
    if root != Path("/"):
        command = ["chroot", str(root), *command]
    subprocess.run(command, input=f"{clip.text}\n".encode(), check=True, capture_output=True, timeout=60)
    with wave.open(str(root / output)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32768
    (root / output).unlink()
    return samples, rate


def active_frames(samples: Signal, rate: int) -> tuple[Signal, NDArray[np.bool_]]:
    """The power of each 20 ms frame, and whether it is speech."""
    size = rate // 50
    count = -(-len(samples) // size)
    power = np.mean(np.pad(samples, (0, count * size - len(samples))).reshape(count, size) ** 2, axis=1)
    return power, power > power.max() * 10 ** (ACTIVE_DB / 10)


def active_dbfs(samples: Signal, rate: int) -> float:
    """The RMS of the speech without its pauses, in dB of full scale."""
    power, active = active_frames(samples, rate)
    return float(10 * np.log10(np.mean(power[active])))


def trim(samples: Signal, rate: int) -> Signal:
    """Cut to the speech, with a little air and faded ends so that joined clips do not click."""
    # 10 dB more sensitive than the loudness: a final "ść" is quiet, but it is speech.
    power, _ = active_frames(samples, rate)
    speech = np.flatnonzero(power > power.max() * 10 ** ((ACTIVE_DB - 10) / 10))
    size = rate // 50
    start = max(0, speech[0] * size - round(LEAD * rate))
    end = min(len(samples), (speech[-1] + 1) * size + round(TAIL * rate))
    cut = samples[start:end].copy()
    fade = np.linspace(0.0, 1.0, rate // 200)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    return cut


def normalise(samples: Signal, rate: int) -> Signal:
    """Bring the active speech to LEVEL_DBFS, or as near as PEAK_DBFS allows."""
    gain = 10 ** ((LEVEL_DBFS - active_dbfs(samples, rate)) / 20)
    ceiling = 10 ** (PEAK_DBFS / 20) / np.abs(samples).max()
    return samples * min(gain, ceiling)


def write(path: Path, samples: Signal, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=Path, default=here / "catalogue.toml")
    parser.add_argument("--out", type=Path, default=here)
    parser.add_argument("--root", type=Path, default=Path("/"), help="chroot that RHVoice is installed in")
    parser.add_argument("--program", default="RHVoice-test")
    parser.add_argument("--rate", type=int, default=RATE, help="samples per second (16000 for a wideband set)")
    parser.add_argument("--all", action="store_true", help="render clips that exist, too")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="CLIP", help="render just these clips, existing or not"
    )
    args = parser.parse_args()

    wanted = list(clips(args.catalogue))
    if unknown := set(args.only) - {clip.name for clip in wanted}:
        sys.exit(f"not in the catalogue: {', '.join(sorted(unknown))}")
    files = {clip.path(args.out) for clip in wanted}
    for language in {clip.language for clip in wanted}:
        for orphan in set((args.out / language).rglob("*.wav")) - files:
            print(f"removing {orphan.relative_to(args.out)}: not in the catalogue")
            orphan.unlink()

    todo = [c for c in wanted if (c.name in args.only if args.only else args.all or not c.path(args.out).exists())]
    seconds = 0.0
    for number, clip in enumerate(todo, 1):
        samples, rate = speak(clip, args.root, args.program)
        speech = normalise(trim(soxr.resample(samples, rate, args.rate, "VHQ"), args.rate), args.rate)
        write(clip.path(args.out), speech, args.rate)
        seconds += len(speech) / args.rate
        print(f"\r{number}/{len(todo)} {clip.language}/{clip.name}".ljust(60), end="", flush=True)
    print(f"\r{len(todo)} clips rendered, {seconds:.0f} s".ljust(60))


if __name__ == "__main__":
    main()
