"""PSFs, deflection maps, galaxies and weights of networks."""

import pickle
import random
import struct
from collections.abc import Iterator

import numpy as np
from astropy.io import fits
from astropy.table import Table

from .arrays import Payload, lying_npy, npy, npz, zipped
from .cases import ACCEPT, REFUSE, Case, config_of, from_file, trained
from .images import fits_bytes


def kernel(size=21) -> np.ndarray:
    y, x = np.indices((size, size)) - size // 2
    return np.exp(-0.5 * (x**2 + y**2) / 2.0**2)


def psfs(chance: random.Random) -> Iterator[Case]:
    """Kernels, and patches of sky."""

    def arguments(path):
        return config_of(f"simulate.observation.psf={{kind: pixel, file: {path}}}")

    bad = {"even": kernel()[:20, :20], "oblong": kernel()[:19], "NaN": kernel() * np.nan, "zero": kernel() * 0}
    bad |= {"negative": -kernel(), "4 axes": kernel()[None, None, None], "a row": kernel()[0], "wide": kernel(2001)}
    more = [(name, fits_bytes(fits.PrimaryHDU(k)), None if name == "wide" else REFUSE) for name, k in bad.items()]
    good = fits_bytes(fits.PrimaryHDU(kernel()))
    yield from from_file("PSFs", "fits", good, ".fits", arguments, chance, 40, more)
    pickled = npy(np.array([Payload()], dtype=object), allow_pickle=True)
    yield from from_file("PSFs", "npy", npy(kernel()), ".npy", arguments, chance, 15, [("objects", pickled, REFUSE)])

    def sky(path):
        return config_of(
            "simulate.observation.background_noise=null", f"simulate.observation.sky_cutouts={path.parent}"
        )

    patch = npy(np.random.default_rng(0).normal(0, 1, (96, 96)))
    yield from from_file(
        "PSFs", "sky", patch, ".npy", sky, chance, 15, [("NaN", npy(np.full((96, 96), np.nan)), REFUSE)]
    )


def maps(chance: random.Random) -> Iterator[Case]:
    """Deflection on a grid."""
    y, x = (np.indices((40, 40)) - 19.5) * 0.1
    held = {"f_x": x / 2, "f_y": y / 2, "pixel_scale": np.array(0.1)}
    bad = {
        "no f_y": {k: v for k, v in held.items() if k != "f_y"},
        "another shape": held | {"f_y": y[:20]},
        "NaN": held | {"f_x": x * np.nan},
        "1e300": held | {"f_x": x * 1e300},
        "scale 0": held | {"pixel_scale": np.array(0.0)},
        "scale NaN": held | {"pixel_scale": np.array(np.nan)},
        "scales": held | {"pixel_scale": np.array([0.1, 0.1])},
        "words": held | {"pixel_scale": np.array("a")},
        "3 axes": held | {"f_x": x[None], "f_y": y[None]},
        "2 pixels": {"f_x": x[:2, :2], "f_y": y[:2, :2], "pixel_scale": np.array(0.1)},
        "complex": held | {"f_x": x * 1j},
    }

    def arguments(path):
        return config_of(f"simulate.lens_mass=[{{profile: INTERPOL, file: {path}}}]")

    more = [(name, npz(**arrays_), REFUSE) for name, arrays_ in bad.items()]
    yield from from_file("maps", "npz", npz(**held), ".npz", arguments, chance, 30, more)
    header = fits.Header({"PIXSCALE": 0.1})
    good = fits_bytes(fits.PrimaryHDU(), fits.ImageHDU(x / 2, header, name="F_X"), fits.ImageHDU(y / 2, name="F_Y"))
    yield from from_file("maps", "fits", good, ".fits", arguments, chance, 25)


def galaxies(chance: random.Random) -> Iterator[Case]:
    """Catalogues of galaxies: a folder of images, an archive, a table with images beside it."""

    def arguments(path):
        return config_of(f"simulate.source=[{{profile: INTERPOL, catalogue: {path}, magnitude: 23, R_half: 0.3}}]")

    blob = np.stack([kernel(41) * (1 + k) for k in range(4)]).astype(np.float32)
    pickled = npy(np.array([Payload()], dtype=object), allow_pickle=True)
    more = [
        ("NaN", npz(images=blob * np.nan, pixel_scale=np.array(0.05)), REFUSE),
        ("zero", npz(images=blob * 0, pixel_scale=np.array(0.05)), REFUSE),
        ("objects", zipped({"images.npy": pickled}), REFUSE),
        ("scale -1", npz(images=blob, pixel_scale=np.array(-1.0)), None),  # which is not used beside R_half
        ("no images", npz(pixel_scale=np.array(0.05)), REFUSE),
        ("a shape of 10^12", zipped({"images.npy": lying_npy((10**6, 1000, 1000))}), REFUSE),
    ]
    good = npz(images=blob, pixel_scale=np.array(0.05))
    yield from from_file("galaxies", "npz", good, ".npz", arguments, chance, 30, more)

    def folder_of(path):
        return arguments(path.parent)

    image = fits_bytes(fits.PrimaryHDU(blob[0], fits.Header({"PIXSCALE": 0.05})))
    yield from from_file("galaxies", "folder", image, ".fits", folder_of, chance, 25)
    table = Table(
        {"IDENT": [1, 2], "MAG": [23.0, 24.0], "GAL_FILENAME": ["g.fits"] * 2, "PSF_FILENAME": ["p.fits"] * 2}
    )
    for name, values in (
        ("GAL_HDU", [0, 1]),
        ("PSF_HDU", [0, 1]),
        ("PIXEL_SCALE", [0.05, 0.05]),
        ("zphot", [0.5, 0.6]),
    ):
        table[name] = values
    listing = fits_bytes(fits.PrimaryHDU(), fits.BinTableHDU(table))

    def prepare(folder):
        pair = [fits.PrimaryHDU(blob[0]), fits.ImageHDU(blob[1])]
        (folder / "g.fits").write_bytes(fits_bytes(*pair))
        (folder / "p.fits").write_bytes(fits_bytes(fits.PrimaryHDU(kernel()), fits.ImageHDU(kernel())))

    leaves = listing.replace(b"g.fits", b"/dev/z")
    more = [("image files that leave the folder", leaves, REFUSE)]
    cases = list(from_file("galaxies", "table", listing, ".fits", arguments, chance, 25, more, prepare))
    yield from (Case(c.kind, c.name, c.make, None if c.expected == ACCEPT else c.expected) for c in cases)


def weights(chance: random.Random) -> Iterator[Case]:
    """Weights to start from."""

    def arguments(path):
        return trained(path.parent, f"pretrain.backbone.weights={path}", "evaluate=null")

    def head(text):
        return struct.pack("<Q", len(text)) + text

    more = [
        ("a pickle", pickle.dumps(Payload()), REFUSE),
        ("a header of 10^18", struct.pack("<Q", 10**18) + b"{}", REFUSE),
        ("an empty header", head(b"{}"), REFUSE),
        ("offsets beyond", head(b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36000]}}'), REFUSE),
        ("a shape of 10^18", head(b'{"a":{"dtype":"F32","shape":[1000000000000000000],"data_offsets":[0,4]}}'), REFUSE),
    ]
    good = head(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}') + bytes(4)
    cases = from_file("weights", "safetensors", good, ".safetensors", arguments, chance, 20, more)
    yield from (Case(c.kind, c.name, c.make, REFUSE) for c in cases)  # the good one is of another network
