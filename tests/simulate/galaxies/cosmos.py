"""Catalogues of galaxies in GalSim's RealGalaxyCatalog layout: the real ones, and one made up of any images."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

DATA = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).parents[3] / "../shared/data")) / "cosmos_23.5"
CATALOGUE = DATA / "real_galaxy_catalog_23.5.fits"
real = pytest.mark.skipif(not CATALOGUE.is_file(), reason=f"the real galaxies are not at {DATA}")


def galaxy(rng, side=80, at=(42.0, 37.5), scale=4.0, flux=30.0):
    """An exponential disc in the noise of a COSMOS stamp."""
    rows, columns = np.indices((side, side))
    disc = np.exp(-np.hypot(np.hypot(rows - at[0], 1.5 * (columns - at[1])), 1.0) / scale)
    return flux * disc / disc.sum() + rng.normal(0.0, 0.0025, disc.shape)


def write(folder, images, **columns):
    """A catalogue of `images` in `folder`; `columns` replace its columns, None leaves one out."""
    fits.HDUList([fits.PrimaryHDU(images[0]), *map(fits.ImageHDU, images[1:])]).writeto(folder / "images.fits")
    n = len(images)
    table = {
        "IDENT": np.arange(100, 100 + n),
        "MAG": np.full(n, 22.5),
        "PIXEL_SCALE": np.full(n, 0.03),
        "GAL_FILENAME": np.full(n, "images.fits"),
        "GAL_HDU": np.arange(n),
    } | columns
    kept = {name: np.asarray(column) for name, column in table.items() if column is not None}
    formats = {"U": "30A", "i": "K", "f": "D"}
    columns = [fits.Column(name, formats[column.dtype.kind], array=column) for name, column in kept.items()]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "catalogue.fits")
    return folder / "catalogue.fits"
