"""Kill the writers of a dataset, fill its disk, flip its bytes; then go on, verify and repair, and compare every byte.

    python benchmarks/archive_kills.py [--count 20000] [--kills 25] [--full-disks 2] [--flips 200]

A scheduler and two workers of Dask write a dataset, while at random moments the main process or a worker is killed
with SIGKILL and begun again; every sample has to be there once, and every file as of an unbroken write. The same on a
disk that is full from a moment on. Then bits are flipped in random places of a dataset of each format, half of them
in files drawn by size and half in files drawn evenly: verify has to name each, and nothing else, and repair has to
restore each; clean datasets have to be all well. Prints a table; how far it is goes to stderr. The exit code is 1 if
something else happened. Full disks need Linux and `unshare`, which mounts small file systems without being root.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

import numpy as np
import own_mounts

from lenstream import make_scene
from lenstream.configs.load import load
from lenstream.progress import console
from lenstream.simulate.archive import writing
from lenstream.simulate.archive.description import COPIES
from lenstream.simulate.archive.description import load as describe
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.repair import repair
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.archive.verify import verify
from lenstream.simulate.systems.draw import Views

RECIPE = ["w1", "simulate.observation.noise=true", "simulate.image.rays=2", "simulate.image.num_pix=32"]
SHARDS = 80  # of the dataset that is killed, at least: more than kills
SMALL, SMALL_SHARD = 48, 16  # systems of a dataset whose bytes are flipped, and of its shards
CLEAN = 5  # seeds of datasets that are all well
AT_ONCE = 20  # flips that are repaired together
FILLER = "filler"
BEGUN = time.monotonic()


def tell(words):
    """Say on stderr how far it is."""
    print(f"{time.monotonic() - BEGUN:6.0f} s  {words}", file=sys.stderr, flush=True)


def begin(folder, count, shard_size, form="zarr", seed=1):
    """A dataset that is begun: nothing but its description."""
    config = load(RECIPE[0], [*RECIPE[1:], f"seed={seed}"])
    views = Views(2 if form == "fits-pairs" else 1)
    description = writing.describe(config, make_scene(config), form, count, views)
    description = replace(description, shard_size=shard_size)
    writing.begin_or_continue(config, description, folder)
    return config, description


def write(folder, count, shard_size, form="zarr", seed=1):
    """A finished dataset, written without a break."""
    config, description = begin(folder, count, shard_size, form, seed)
    writing.write_archive(config, folder, description)


def command(folder, scheduler=None):
    """The process of `lenstream simulate` that writes a dataset that was begun, or goes on with it."""
    count = describe(folder).count
    words = ["simulate", *RECIPE, "seed=1", "--count", str(count), "--out", str(folder)]
    words += [] if scheduler is None else ["--scheduler", scheduler]
    script = f"from lenstream.run_pipeline import main; main({words!r})"
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


class Cluster:
    """A scheduler and two workers of Dask, each a process of its own."""

    def __init__(self, place):
        self.place = place
        here, file = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard"), place / "scheduler.json"
        self.scheduler = self._start("scheduler", "--scheduler-file", str(file), *here)
        while not file.is_file() or not file.read_text().endswith("}"):
            time.sleep(0.1)
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self._worker(), self._worker()]

    def _start(self, *words):
        code = f"from distributed.cli.dask_{words[0]} import main; main({list(words[1:])!r})"
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.place
        )

    def _worker(self):
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")

    def kill_a_worker(self, chance):
        number = chance.randrange(2)
        kill(self.workers[number])
        self.workers[number] = self._worker()

    def close(self):
        for process in (*self.workers, self.scheduler):
            kill(process)


def kill(process):
    """End a process as the system does: nothing is written any more."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def contents(folder):
    """Path -> bytes of every file."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def differences(folder, expected):
    """What of a dataset is not as of an unbroken write, in words; None if nothing is."""
    found = contents(folder)
    names = sorted(name for name in found | expected if found.get(name) != expected.get(name))
    if names:
        return f"differ: {', '.join(names[:5])}"
    if findings := verify(folder, show=False):
        return f"verify: {findings[:3]}"
    description, scene = opened(folder)
    form = FORMATS[description.format]
    indices = [form.read(folder, description, scene, shard).indices for shard in description.shards]
    if not np.array_equal(np.concatenate(indices), np.arange(description.start, description.start + description.count)):
        return "samples are not there once each"
    return None


def progress(folder):
    """How many shards are in the ledger."""
    return sum(name[:6].isdigit() for name in os.listdir(folder / "ledger"))


def after_kills(place, count, kills, expected, say, chance):
    """Write with two workers of Dask, of which one, or the main process, is killed at random moments."""
    folder, cluster, shard = place / "killed", Cluster(place), shard_size(count)
    begin(folder, count, shard)
    moments = sorted(chance.uniform(0, -(-count // shard)) for _ in range(kills))  # in shards
    victims = [("main process", "worker")[k % 2] for k in range(kills)]
    chance.shuffle(victims)
    main, begun = command(folder, cluster.address), time.monotonic()
    try:
        for k, (moment, victim) in enumerate(zip(moments, victims, strict=True), 1):
            while progress(folder) < int(moment) and main.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 1))
            if main.poll() is not None:
                say("SIGKILL", f"at shard {moment:.0f}", f"it had ended with {main.returncode}: {said(main)}", False)
            if victim == "worker":
                cluster.kill_a_worker(chance)
            else:
                kill(main)
                main = command(folder, cluster.address)
            tell(f"{k} of {kills} killed, {progress(folder)} of {-(-count // shard)} shards are there")
        words = said(main)
    finally:
        cluster.close()
        kill(main)
    result = differences(folder, expected) if main.returncode == 0 else f"exit {main.returncode}: {words}"
    which = f"{victims.count('main process')} of the main process, {victims.count('worker')} of workers"
    fine = f"every sample once, every byte the same, after {time.monotonic() - begun:.0f} s"
    say(f"{kills} SIGKILLs", which, result or fine, result is None)


def said(process):
    """The end of what a process says on stderr, when it has ended."""
    return " ".join(process.communicate()[1].split())[-300:]


def on_a_full_disk(place, count, at, expected, say):
    """Write on a disk that is full when so many shards are there, then with room again."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "none", str(place)], check=True)
    folder = place / "set"
    try:
        begin(folder, count, shard_size(count))
        main = command(folder)
        while progress(folder) < at and main.poll() is None:
            time.sleep(0.005)
        with contextlib.suppress(OSError), open(place / FILLER, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        words = said(main)
        left = [p.name for p in folder.rglob("*.partial")]
        result = f"exit {main.returncode}: {words}" if main.returncode != 1 or "No space left" not in words else None
        result = result or (f"left: {left}" if left else None)
        (place / FILLER).unlink()
        again = command(folder)
        words = said(again)
        result = result or (differences(folder, expected) if again.returncode == 0 else f"then: {words}")
        say("full disk", f"at shard {at}", result or "refused, then the same", result is None)
    finally:
        subprocess.run(["umount", str(place)], check=False)


def flip(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0] ^ bit
        file.seek(at)
        file.write(bytes([byte]))


def places(folder, n, chance):
    """n places for a flipped bit: (file, byte, bit), half of them by size and half with all files alike."""
    sizes = {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    sizes = {name: size for name, size in sorted(sizes.items()) if size}
    for k in range(n):
        (name,) = chance.choices(list(sizes), list(sizes.values()) if k % 2 else None)
        yield name, chance.randrange(sizes[name]), 1 << chance.randrange(8)


def groups(flips):
    """Flips to be repaired together: not both copies of what all else is made from, which nothing could restore."""
    together = []
    for name, at, bit in flips:
        if len(together) == AT_ONCE or COPIES.get(name, name) in {COPIES.get(other, other) for other, _, _ in together}:
            yield together
            together = []
        together.append((name, at, bit))
    yield together


def after_flips(place, form, n, say, chance):
    """Flip bits in a dataset of a format, one at a time for verify, several at once for repair."""
    folder, found, repaired, wrong = place / form, 0, 0, []
    write(folder, SMALL, SMALL_SHARD, form)
    expected, flips = contents(folder), list(places(folder, n, chance))
    for k, (name, at, bit) in enumerate(flips):
        if k % AT_ONCE == 0:
            tell(f"{form}: {k} of {n} flipped bits looked for")
        flip(folder / name, at, bit)
        named = {finding.path for finding in verify(folder, show=False)}
        found += named == {name}
        wrong += [] if named == {name} else [f"{name} byte {at}: {sorted(named)[:3]}"]
        flip(folder / name, at, bit)
    for together in groups(flips):
        tell(f"{form}: {repaired} of {n} flipped bits restored")
        for name, at, bit in together:
            flip(folder / name, at, bit)
        left = repair(folder, show=False).left
        now = contents(folder)
        differ = {name for name in now | expected if now.get(name) != expected.get(name)}
        repaired += sum(name not in differ for name, _, _ in together)
        wrong += [f"repair: {said}" for said in left] + [f"repair: {name} differs" for name in sorted(differ)]
        if differ:
            shutil.rmtree(folder)
            write(folder, SMALL, SMALL_SHARD, form)
    result = f"{found} named, {repaired} restored" + (f"; {'; '.join(wrong[:5])}" if wrong else "")
    say(f"{n} flipped bits", form, result, not wrong)


def clean(place, form, say):
    """Verify datasets that nothing happened to."""
    alarms = []
    for seed in range(1, CLEAN + 1):
        write(place / f"{form}{seed}", SMALL, SMALL_SHARD, form, seed)
        alarms += verify(place / f"{form}{seed}", show=False)
    say(f"{CLEAN} clean datasets", form, f"{alarms[:3]}" if alarms else "all well", not alarms)


def shard_size(count):
    """Systems of a shard so that there are about `SHARDS`."""
    return max(1 << (count // SHARDS).bit_length() - 1, 8) if count >= SHARDS else 8


def main():
    """Try all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="systems of the dataset whose writers are killed")
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--full-disks", type=int, default=2)
    parser.add_argument("--flips", type=int, default=200, help="in a dataset of each format")
    parser.add_argument("--formats", nargs="*", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--seed", type=int, default=1)
    own_mounts.add_option(parser)
    options = parser.parse_args()
    console.quiet = True  # the bars of many small datasets
    own_mounts.begin_again(options)
    with tempfile.TemporaryDirectory(prefix="lenstream-archive-kills-") as place:
        sys.exit(1 if _all(Path(place), options) else 0)


def _all(place, options):
    """Try all in a folder; the number of cases that went wrong."""
    wrong, chance = 0, random.Random(options.seed)
    print("| what | where | result |\n|---|---|---|", flush=True)

    def say(what, where, result, fine):
        nonlocal wrong
        wrong += not fine
        print(f"| {what} | {where} | {result if fine else f'**{result}**'} |", flush=True)

    count = options.count
    if options.kills or options.full_disks:
        unbroken = place / "unbroken"
        begin(unbroken, count, shard_size(count))
        tell(f"{count} systems are written without a break")
        process = command(unbroken)
        assert said(process) is not None and process.returncode == 0, "the write that nothing happens to failed"
        expected = contents(unbroken)
    if options.kills:
        after_kills(place, count, options.kills, expected, say, chance)
    for k in range(options.full_disks):
        at = (k + 1) * -(-count // shard_size(count)) // (options.full_disks + 2)
        if options.in_namespace:
            on_a_full_disk(place / f"full{k}", count, at, expected, say)
        else:
            say("full disk", f"at shard {at}", "not tried: no unshare", True)
    for form in options.formats if options.flips else ():
        clean(place, form, say)
        after_flips(place, form, options.flips, say, chance)
    print(f"\n{wrong} wrong")
    return wrong


if __name__ == "__main__":
    main()
