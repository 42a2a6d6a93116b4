"""Small data sets in the layouts of others, as their releases have them."""

import os
import pickle

import numpy as np
from astropy.io import fits

SIZE = 16


def image(seed, *shape):
    return np.random.default_rng(seed).normal(1, 0.3, shape or (SIZE, SIZE)).astype(np.float32)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


def save_fits(path, array, **keys):
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.writeto(path, array, fits.Header(keys))
    return path


def lensiam(folder, n=4, last=True):
    """LenSiam's: cubes of two images, labels in the header; views in the last axis or the first."""
    for k in range(n):
        cube = np.stack([image(2 * k), image(2 * k + 1)])
        keys = {"THETA_E": 1.0 + 0.1 * k, "E1": 0.01 * k, "GAMMA": 2.0, "CENTER_X": -0.01}
        save_fits(folder / f"pair_{k}.fits", np.moveaxis(cube, 0, -1).copy() if last else cube, **keys)
    return folder


def axion(path, seed=0, mass=1e-23):
    """DeepLense's: one object array [image, mass]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = np.empty(2, dtype=object)
    held[0], held[1] = image(seed).astype(float), mass
    np.save(path, held, allow_pickle=True)
    return path


def deeplense(folder, n=3):
    for k in range(n):
        save(folder / "no_sub" / f"no_sub_{k}.npy", image(k))
        save(folder / "cdm" / f"cdm_{k}.npy", image(10 + k))
        axion(folder / "axion" / f"axion_{k}.npy", 20 + k, (k + 1) * 1e-23)
    return folder


def cutouts(folder, n=4):
    """Real cut-outs of g, r, i in lenses/ and nonlenses/, with the same names in both."""
    for k in range(n):
        save(folder / "lenses" / f"{k}.npy", image(k, 3, SIZE, SIZE))
        save(folder / "nonlenses" / f"{k}.npy", image(100 + k, 3, SIZE, SIZE))
    return folder


def pickled(path, held, protocol=4):
    path.write_bytes(pickle.dumps(held, protocol=protocol))
    return path


def challenge(folder, n=4, bands=("EUC_VIS", "EUC_J")):
    """The Lens Finding Challenge's: a folder a band, files of one number, and a log."""
    for k in range(n):
        for b, band in enumerate(bands):
            save_fits(folder / band / f"image{band}-{100_000 + k}.fits", image(10 * k + b), PIXSCALE=0.1)
    rows = "\n".join(f"{100_000 + k},{k % 2},{0.5 * k}" for k in range(n))
    (folder / "classifications.csv").write_text(f"ID,is_lens,Einstein_area\n{rows}\n")
    return folder


class RunsCommand:
    """Unpickling it would make the file `path`."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


class Evaluates(RunsCommand):
    def __reduce__(self):
        return eval, (f"open({str(self.path)!r}, 'w')",)
