"""How to open a dataset in each format, as lines of Python for its card; PATH stands for its folder."""

from ...configs.observing import grids
from ...configs.schema import Config
from .description import Description

_ZARR = """\
import xarray

data = xarray.open_zarr("PATH")  # named dimensions, labels as coordinates with units
image = data["{images}"].isel(system=0)  # (view, band, y, x), counts/s a pixel
print(data["{label}"].values[:5], data["{label}"].units)"""
_HDF5 = """\
import h5py

with h5py.File("PATH/dataset.h5") as data:  # all shards as one
    image = data["{images}"][0]  # (view, band, y, x), counts/s a pixel
    print(data["{label}"][:5], data["{label}"].attrs.get("units", ""))"""
_PARQUET = """\
from datasets import load_dataset

data = load_dataset("PATH", split="{split}").with_format("numpy")  # a row an image; of a local folder or of the Hub
print(data[0]["{image}"]["flux"].shape, data[0]["{label}"])  # (bands, num_pix, num_pix), counts/s a pixel"""
_FITS = """\
from pathlib import Path

from astropy.io import fits

first = sorted(Path("PATH/fits").rglob("*.fits"))[0]
with fits.open(first) as file:  # extensions IMAGE, IVAR, MASK, PSF, of each band
    file.info()
    print(file[0].header["INDEX"], file[1].data.shape)"""
_PAIRS = """\
from pathlib import Path

from astropy.io import fits

first = sorted(Path("PATH").rglob("*.fits"))[0]
with fits.open(first) as file:  # a cube with the two images of a lens, its parameters in the header
    print(file[0].data.shape, file[0].header["{label}"])"""
_NPY = """\
from pathlib import Path

import numpy as np

first = sorted(Path("PATH").rglob("*.npy"))[0]  # folders are classes
image = np.load(first)
print(first.parent.name, image.shape)"""
_BY_FORMAT = {
    "zarr": _ZARR,
    "hdf5": _HDF5,
    "parquet": _PARQUET,
    "fits": _FITS,
    "fits-pairs": _PAIRS,
    "npy-folders": _NPY,
}
_LABELS = """\
from astropy.table import QTable

labels = QTable.read("PATH/labels.parquet")  # index, view where there are several, all labels with their units
print(labels["index", "{label}"][:5])"""


def snippet(description: Description, config: Config) -> str:
    """Two blocks of Python in Markdown: images in their format, and the table of labels."""
    images = array_names(config)[0]
    values = {
        "images": images,
        "image": images.replace("images", "image", 1),
        "label": "theta_E" if any("theta_E" in type(m).model_fields for m in config.simulate.lens_mass) else "class",
        "split": description.split or "train",
    }
    blocks = [_BY_FORMAT[description.format], _LABELS] if description.format in _BY_FORMAT else [_LABELS]
    return "\n\n".join(f"```python\n{_filled(block, values)}\n```" for block in blocks)


def data_files(description: Description) -> str:
    """The files of a format that `datasets.load_dataset` reads, as a pattern; "" of one that it does not know."""
    return "data/*.parquet" if description.format == "parquet" else ""


def _filled(block, values):
    for name, value in values.items():
        block = block.replace(f"{{{name}}}", value)
    return block


def array_names(config: Config) -> list[str]:
    """The names of the arrays of images of a dataset, as `samples.image_names` has them of a scene."""
    shared: dict[tuple[int, float], list[str]] = {}
    for name, grid in grids(config.simulate).items():
        shared.setdefault(grid, []).append(name)
    return [f"images_{'-'.join(names)}" for names in shared.values()] if len(shared) > 1 else ["images"]
