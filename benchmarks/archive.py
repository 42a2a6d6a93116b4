"""How fast datasets are written, beside the renderer alone; how large they are, and how much memory that takes.

    python benchmarks/archive.py [--count 100000] [--rounds 3] [--threads 2] [--write]

W2 (64 x 64 pixels, noise) in turns: rendered without labels, rendered with all labels, and written as Zarr with all
labels, ledger, checksums and table, each time all of them. Then one shard in each way to store it,
after the others as before them. Last, peak memory of the command line, for the count and for a quarter of it.
--write puts the table into benchmarks/datasets.md.
"""

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import sections
import zarr

from lenstream.configs.load import load
from lenstream.simulate.archive import zarr_shards
from lenstream.simulate.archive.description import save
from lenstream.simulate.archive.samples import PIECE, make_samples
from lenstream.simulate.archive.shard_making import samples_of, store
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

RECIPE, CHANGES = "w1", ["simulate.observation.noise=true"]  # W2
STORED = 4096  # systems, at most, whose storing is compared
WANTED, WANTED_MEMORY = 0.7, 1.5  # of the renderer's own rate, GiB


def rates(scene, count, rounds, threads, folder):
    """Systems a second by way of making them, each over all rounds: dict."""
    seconds = {"rendered, no labels": 0.0, "rendered, all labels": 0.0, "written, all labels": 0.0}

    def timed(name, make):
        begun = time.perf_counter()
        make()
        seconds[name] += time.perf_counter() - begun

    def plain(first):
        render_all(scene, draw(scene, np.arange(first, first + PIECE), Views()))

    def plain_all():
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(plain, range(0, count, PIECE)))

    def labelled():
        for first in range(0, count, STORED):
            make_samples(scene, np.arange(first, min(first + STORED, count)), Views(), threads)

    for number in range(rounds):
        config = load(RECIPE, CHANGES)
        place = folder / f"round_{number}"
        timed("rendered, no labels", plain_all)
        timed("rendered, all labels", labelled)
        timed("written, all labels", lambda c=config, p=place: write_archive(c, p, describe(c, scene, "zarr", count)))
        shutil.rmtree(place)
    return {name: rounds * count / spent for name, spent in seconds.items()}


def ways_to_store(scene, count, folder, tries=5):
    """Seconds to store one shard, and its bytes over those of the raw arrays, by way: dict of (median, size)."""
    config = load(RECIPE, CHANGES)
    description = describe(config, scene, "zarr", min(count, STORED))
    shard = description.shards[0]
    samples = samples_of(scene, description, shard, 2)
    arrays = samples.images | samples.masks | samples.labels
    raw = sum(array.nbytes for array in arrays.values())
    ours = folder / "zarr"
    ours.mkdir()
    save(ours, description, config)
    zarr_shards.begin(ours, description, scene)

    def by_numpy(place):
        for name, array in arrays.items():
            np.save(place / f"{name}.npy", array)

    def by_h5py(place):
        with h5py.File(place / "shard.h5", "w") as file:
            for name, array in arrays.items():
                chunk = (min(16, len(array)), *array.shape[1:]) if array.ndim > 2 else None
                file.create_dataset(name, data=array, chunks=chunk, fletcher32=array.ndim > 2)

    def by_zarr_python(place):
        group = zarr.open_group(place, mode="w")
        for name, array in arrays.items():
            chunk = (min(16, len(array)) if array.ndim > 2 else len(array), *array.shape[1:])
            codecs = [zarr.codecs.Crc32cCodec()]
            group.create_array(name, data=array, chunks=chunk, shards=array.shape, compressors=codecs)

    ways = {
        "LenStream: chunks only": lambda place: zarr_shards.write(ours, description, samples, shard),
        "LenStream: with SHA-256 and ledger": lambda place: store(ours, description, samples, shard),
        "zarr-python, sharded": by_zarr_python,
        "h5py, chunks with checksums": by_h5py,
        "np.save, no checksums": by_numpy,
    }
    seconds = {name: [] for name in ways}
    for _ in range(tries):
        for number, (name, way) in enumerate(ways.items()):
            place = folder / f"way_{number}"
            place.mkdir(exist_ok=True)
            begun = time.perf_counter()
            way(place)
            seconds[name].append(time.perf_counter() - begun)
    sizes = [size_of(ours), size_of(ours), *(size_of(folder / f"way_{number}") for number in (2, 3, 4))]
    return {n: (statistics.median(s), size / raw) for (n, s), size in zip(seconds.items(), sizes, strict=True)}


def size_of(folder):
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def peak_memory(count, folder):
    """GiB that `lenstream simulate` takes at most. Call it for ever larger counts: it is of all children so far."""
    command = [sys.executable, "-m", "lenstream.run_pipeline", "-q", "simulate", RECIPE, *CHANGES]
    subprocess.run([*command, "--count", str(count), "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def table(count, rounds, threads):
    """Lines of Markdown."""
    scene = make_scene(load(RECIPE, CHANGES))
    make_samples(scene, np.arange(PIECE), Views())  # compiled now
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        found = rates(scene, count, rounds, threads, folder)
        stored = ways_to_store(scene, count, folder)
        quarter, whole = (peak_memory(n, folder / f"peak_{n}") for n in (count // 4, count))
        size, raw = size_of(folder / f"peak_{count}"), count * 4 * 64 * 64
    plain, labelled, written = found.values()
    verdict = "pass" if written >= WANTED * labelled else "FALLS SHORT"
    lines = [
        f"# Writing {count:,} images of W2 (64 x 64 pixels, noise)",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads; {rounds} rounds in turns.",
        "",
        "| | images/s | of rendering alone |",
        "|---|---|---|",
        *(f"| {name} | {rate:,.0f} | {rate / plain:.2f} |" for name, rate in found.items()),
        "",
        f"Written at {written / labelled:.2f} of the rate at which images come with all labels, as a stream has them; "
        f"at least {WANTED} wanted: {verdict}. The labels take {plain / labelled - 1:.2f} of the time of the images.",
        "",
        f"Peak memory {whole:.2f} GiB, for a quarter of the systems {quarter:.2f} GiB; less than {WANTED_MEMORY} "
        f"wanted: {'pass' if whole < WANTED_MEMORY else 'FALLS SHORT'}. On disk {size / 1e9:.2f} GB with picture and "
        f"table, {size / raw:.3f} of the bare images.",
        "",
        "| one shard stored | seconds | bytes of the raw arrays' |",
        "|---|---|---|",
        *(f"| {name} | {seconds:.3f} | {of_raw:.3f} |" for name, (seconds, of_raw) in stored.items()),
    ]
    return lines


def main():
    """Measure, print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    lines = table(given.count, given.rounds, given.threads)
    print("\n".join(lines))
    if given.write:
        sections.write(Path(__file__).with_name("datasets.md"), lines)


if __name__ == "__main__":
    main()
