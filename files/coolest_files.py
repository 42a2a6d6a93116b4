"""Files of COOLEST, the standard of lens models: a JSON template, and the FITS images that it names beside it.

A grid of pixels in a template has `fits_file: {path: NAME}`, relative to the template.
"""

import json
from pathlib import Path

import numpy as np

from ..errors import DataError, nearest
from .fits_writing import primary_image
from .plain_images import read_images
from .whole import whole, write_text

SUFFIX = ".json"
NEEDED = ("lensing_entities", "observation", "instrument")


def write_coolest(path, template, images, cards=()):
    """Write a template with its images, each file whole or not at all: the paths of all files, the template's last.

    Args:
        path: of the template, NAME.json. The images are NAME_KEY.fits.
        template: a dict, whose grids name the key of an image as the path of their file. images: key -> array (n, n).
        cards: header cards of the images on the observation's pixels, "image", "noise" and "mask", see `fits_writing`.

    Raises: OSError that names what cannot be written.
    """
    path, written = Path(path), []
    for key, pixels in images.items():
        written.append(path.with_name(f"{path.stem}_{key}.fits"))
        pixels = np.asarray(pixels, np.uint8 if np.asarray(pixels).dtype == bool else float)
        with whole(written[-1]) as file:
            file.write(primary_image(pixels, cards if key in ("image", "noise", "mask") else ()))
    write_text(path, json.dumps(_with_files(template, path.stem, images), indent=2, sort_keys=True) + "\n")
    return [*written, path]


def _with_files(value, stem, images):
    """A template with names of files for keys of images."""
    if isinstance(value, dict):
        of_file = value.get("path") in images and set(value) == {"path"}
        return (
            {"path": f"{stem}_{value['path']}.fits"}
            if of_file
            else {key: _with_files(held, stem, images) for key, held in value.items()}
        )
    return [_with_files(held, stem, images) for held in value] if isinstance(value, list | tuple) else value


def read_coolest(path):
    """The template of a COOLEST file, a dict with `lensing_entities`, `observation`, `instrument` and others.

    Raises: DataError for what cannot be read, is no template, or is one of Python's objects (NAME_pyAPI.json).
    """
    path = Path(path)
    try:
        template = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        beside = nearest(path.name, [p.name for p in path.parent.glob(f"*{SUFFIX}")])
        raise DataError(f"{path} does not exist.{beside}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from None
    if isinstance(template, dict) and "py/object" in template:
        plain = path.name.replace("_pyAPI", "")
        raise DataError(f"{path} holds Python objects (jsonpickle), not read: give the plain template, {plain}")
    missing = [key for key in NEEDED if not isinstance(template, dict) or key not in template]
    if missing:
        raise DataError(f"{path} is no COOLEST template: it has no {' and no '.join(missing)}")
    return template


def read_grid(path, grid, where):
    """The pixels of a grid of a template, float64 (rows, columns); None where it names no file.

    Args: path: of the template. grid: the grid's dict. where: it stands in the template, for messages.

    Raises: DataError if the file is absent, is no image, or has another number of pixels than the grid says.
    """
    name = (grid.get("fits_file") or {}).get("path")
    if name is None:
        return None
    file = Path(path).parent / name
    if not file.is_file():
        raise DataError(f"{path}: {where}: the file {name} is not beside it")
    images = read_images(file, "psf")
    if len(images) != 1:
        raise DataError(f"{path}: {where}: {name} holds {len(images)} images, expected one")
    said = {n for n in (grid.get("num_pix_x"), grid.get("num_pix_y")) if n}
    if said and said != set(images[0].shape):
        raise DataError(f"{path}: {where}: {name} has {images[0].shape} pixels, but the template says {sorted(said)}")
    return images[0]
