"""FITS files with lenses."""

import gzip
import io
import random
from collections.abc import Iterator

import numpy as np
from astropy.io import fits
from astropy.table import Table

from .cases import REFUSE, SCALE, SIZE, Case, from_file, trained


def lens(seed: int = 0) -> np.ndarray:
    """A ring on noise, float32 (SIZE, SIZE)."""
    y, x = (np.indices((SIZE, SIZE)) - (SIZE - 1) / 2) * SCALE
    ring = 0.5 * np.exp(-0.5 * ((np.hypot(x, y) - 1.1) / 0.12) ** 2) * (1 + 0.5 * np.sin(np.arctan2(y, x)))
    return (ring + np.random.default_rng(seed).normal(0, 0.02, x.shape)).astype(np.float32)


def fits_bytes(*hdus) -> bytes:
    """The bytes of a FITS file."""
    held = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(held, output_verify="silentfix")
    return held.getvalue()


def good_fits() -> bytes:
    header = fits.Header({"PIXSCALE": SCALE, "EXPTIME": 5400.0})
    noise = np.full((SIZE, SIZE), 0.02, np.float32)
    mask = np.zeros((SIZE, SIZE), np.int16)
    return fits_bytes(
        fits.PrimaryHDU(),
        fits.ImageHDU(lens(), header, name="SCI"),
        fits.ImageHDU(noise, name="ERR"),
        fits.ImageHDU(mask, name="DQ"),
    )


CARDS = (
    ("NAXIS1", 10**9),
    ("NAXIS2", 0),
    ("NAXIS2", -1),
    ("NAXIS1", "a"),
    ("NAXIS", 999),
    ("NAXIS", 0),
    ("NAXIS", 3),
    ("BITPIX", 7),
    ("BITPIX", -64),
    ("BITPIX", 8),
    ("BSCALE", 0),
    ("BSCALE", float("nan")),
    ("BZERO", 1e300),
    ("PCOUNT", 10**12),
    ("GCOUNT", 10**9),
    ("GCOUNT", -1),
    ("XTENSION", "BINTABLE"),
    ("XTENSION", "NONSENSE"),
    ("PIXSCALE", 0),
    ("PIXSCALE", -0.1),
    ("PIXSCALE", 100),
    ("PIXSCALE", "T"),
    ("PIXSCALE", 1e300),
    ("EXPTIME", 0),
    ("EXPTIME", -1),
    ("BUNIT", "furlong"),
    ("CD1_1", 0),
    ("CDELT1", 1e9),
    ("CTYPE1", "RA---QQQ"),
    ("EXTNAME", "x" * 60),
    ("ZIMAGE", True),
    ("TFIELDS", 999),
)


def with_card(data: bytes, name: str, value) -> bytes:
    """FITS bytes in which a card of the first extension has another value, or stands there if it did not."""
    if isinstance(value, bool):
        shown = "T" if value else "F"
    else:
        shown = f"'{value}'" if isinstance(value, str) else str(value)
    card = f"{name:8}= {shown:>20}"[:80].ljust(80).encode("ascii", "replace")
    start = 2880
    end = next(k for k in range(start, len(data), 80) if data[k : k + 8] == b"END     ")
    found = next((k for k in range(start, end, 80) if data[k : k + 8] == f"{name:8}".encode()), None)
    if found is not None:
        return data[:found] + card + data[found + 80 :]
    return data[:end] + card + data[end : end + 80] + data[end + 160 :]


def images(chance: random.Random) -> Iterator[Case]:
    """Cut-outs of real lenses."""
    good = good_fits()
    flat, sky = np.zeros((SIZE, SIZE), np.float32), fits.Header({"PIXSCALE": SCALE})
    huge = fits.PrimaryHDU(np.zeros((4, 4), np.float32)).header
    huge["NAXIS1"], huge["NAXIS2"] = 10**6, 10**6
    more = [(f"{name} = {value}"[:40], with_card(good, name, value), None) for name, value in CARDS]
    more += [
        ("no pixel", fits_bytes(fits.PrimaryHDU()), REFUSE),
        ("all NaN", fits_bytes(fits.PrimaryHDU(flat * np.nan, sky)), REFUSE),
        ("all zero", fits_bytes(fits.PrimaryHDU(flat, sky)), REFUSE),
        ("1e38", fits_bytes(fits.PrimaryHDU(flat + 1e38, sky)), REFUSE),
        ("one row", fits_bytes(fits.PrimaryHDU(lens()[:1], sky)), REFUSE),
        ("a cube of 300", fits_bytes(fits.PrimaryHDU(np.zeros((300, 8, 8), np.float32), sky)), REFUSE),
        ("9 axes", fits_bytes(fits.PrimaryHDU(np.zeros((1,) * 9, np.float32), sky)), REFUSE),
        ("complex table", fits_bytes(fits.PrimaryHDU(), fits.BinTableHDU(Table({"c": np.ones(3, complex)}))), REFUSE),
        ("without a scale", fits_bytes(fits.PrimaryHDU(lens())), REFUSE),
        ("a header that claims 10^12 pixels", huge.tostring().encode(), REFUSE),
        ("the header alone", good[: 2880 * 2], REFUSE),
        ("200 extensions", fits_bytes(fits.PrimaryHDU(), *[fits.ImageHDU(lens(), sky) for _ in range(200)]), REFUSE),
        ("infinite noise", _with_noise(np.inf), None),
        ("negative noise", _with_noise(-1), None),
        ("noise of another shape", _with_noise(0.02, SIZE // 2), REFUSE),
    ]

    def arguments(path):
        return trained(path.parent, f"real_lenses.images={path}")

    yield from from_file("FITS", "cut-out", good, ".fits", arguments, chance, 60, more)

    def bomb(path):
        large = fits.PrimaryHDU(np.zeros((2, 2), np.float32)).header
        large["NAXIS1"] = large["NAXIS2"] = 14_000
        with gzip.open(path, "wb", 1) as file:
            file.write(large.tostring().encode())
            for _ in range(49):
                file.write(bytes(16_000_000))

    more = [("800 MB in 4 MB", bomb, REFUSE)]
    yield from from_file("FITS", "zipped", gzip.compress(good), ".fits.gz", arguments, chance, 20, more)


def _with_noise(level, size=SIZE):
    image = fits.ImageHDU(lens(), fits.Header({"PIXSCALE": SCALE}), name="SCI")
    return fits_bytes(fits.PrimaryHDU(), image, fits.ImageHDU(np.full((size, size), level, np.float32), name="ERR"))
