"""Rendering speed on several threads, and the time a process needs until its first image."""

import statistics
import subprocess
import sys
import time

import numpy as np

from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import RENDERED_AHEAD, LensStream
from lenstream.simulate.systems.draw import Views

STREAMED, RENDERED = 256, 1024  # systems in a batch
FIRST_IMAGE = """
import time
begun = time.time()
from lenstream import Views, draw, load_config, make_scene, render
imported = time.time()
scene = make_scene(load_config("w1").simulate, seed=1)
render(scene, draw(scene, [0], Views()))
print(imported - begun, time.time() - imported, time.time())
"""


def thread_gain(scene, threads, seconds, rounds):
    """How many times faster `threads` threads are than one: (of a `LensStream`, of `render`, batch after batch).

    Call it where all cores may be used.
    """

    def streamed(threads):
        with LensStream(scene, STREAMED, threads=threads) as stream:
            for _ in range(2 * RENDERED_AHEAD + threads):  # what was made before the clock starts
                next(stream)
            return _rate(lambda _: next(stream), STREAMED, seconds)

    def rendered(threads):
        def batch(first):
            render(scene, draw(scene, np.arange(first, first + RENDERED), Views()), threads=threads)

        return _rate(batch, RENDERED, seconds)

    gains = []
    for rate in (streamed, rendered):
        rate(threads)
        gains.append(statistics.median(rate(threads) / rate(1) for _ in range(rounds)))
    return tuple(gains)


def _rate(make, n, seconds):
    """Systems a second where make(first index) makes n of them."""
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        make(done)
        done += n
    return done / (time.perf_counter() - begun)


def first_image(tries=3):
    """Seconds from the start of a process to its first image, of which importing and drawing and rendering: medians.

    The renderer has been compiled before and is read from disk.
    """
    runs = []
    for _ in range(tries):
        begun = time.time()
        out = subprocess.run([sys.executable, "-c", FIRST_IMAGE], check=True, capture_output=True, text=True).stdout
        imports, image, end = map(float, out.split()[-3:])
        runs.append((end - begun, imports, image))
    return tuple(statistics.median(column) for column in zip(*runs, strict=True))
