"""How LenStream runs outside a loop on one core: more threads, and the start of a process."""

import statistics
import subprocess
import sys
import time

import numpy as np
from contest import BATCH

from lenstream.simulate.render import render
from lenstream.simulate.scene import Views, draw

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
    """How many times faster rendering on some threads is than on one; call it where all cores may be used."""

    def rate(threads, first):
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            systems = draw(scene, np.arange(first + done, first + done + 4 * BATCH), Views())
            render(scene, systems, threads=threads)
            done += 4 * BATCH
        return done / (time.perf_counter() - begun)

    rate(threads, 0)
    return statistics.median(rate(threads, 0) / rate(1, 0) for _ in range(rounds))


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
