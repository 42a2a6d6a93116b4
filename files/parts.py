"""The images in the files of a lens, one by one, with what each is by its name: a part is a 2-D image of one band."""

import re
from pathlib import Path
from typing import NamedTuple

from . import fits
from .roles import COMPANIONS, KINDS, NAMING_KEYS, UNNAMED, band_of, role_of, role_of_image
from .suffixes import stem


class Part(NamedTuple):
    """An image (rows, columns) in a file, or a plane of a cube."""

    path: Path
    hdu: int
    plane: int | None  # of the cube; None for a 2-D image
    planes: int  # in the cube, 1 for a 2-D image
    axes: tuple  # shape of the whole array
    shape: tuple  # (rows, columns)
    kind: str  # of `roles.KINDS`, "" if unknown
    band: str  # in capitals; "" if unknown
    rest: tuple  # other words of its name
    name: str  # as messages call it, e.g. "SCI", "SCI,2" or "a_wht.fits"
    version: int  # EXTVER
    headers: tuple  # its own, then its file's


def parts_of(files, bands=()):
    """The list of `Part` of the files of a lens.

    What a part is follows from its extension's name or header; of several files, also from the file's name. bands:
    names that are bands, beside those that are known. Raises: Unreadable (a DataError).
    """
    out = []
    for path in files:
        kind, band = role_of_file(path, bands) if len(files) > 1 else ("", "")
        images = fits.look(path)
        for image in images:
            role = role_of_image(image, bands)
            if kind and role.kind in ("", "image"):
                role = role._replace(kind=kind, rest=())
            name = _name(image, images) if len(files) == 1 else _name_in_file(path, image, images)
            out += _planes(path, image, role._replace(band=role.band or band), name)
    return out


def _name(image, images):
    """What messages call an image: its EXTNAME, with EXTVER where it is there twice, or else where it lies."""
    if image.name not in UNNAMED:
        twice = sum(other.name == image.name for other in images) > 1
        return f"{image.name},{image.version}" if twice else image.name
    said = next((image.headers[0][key] for key in NAMING_KEYS if key in image.headers[0]), None)
    return str(said or ("the primary image" if image.hdu == 0 else f"the image in HDU {image.hdu}")).strip()


def _name_in_file(path, image, images):
    """What messages call an image of one of several files: the file, with the name of the image if it is not alone."""
    return path.name if len(images) == 1 else f"{path.name}[{_name(image, images)}]"


def _planes(path, image, role, name):
    """A `Part` for each plane of a cube; one for any other array."""
    cube = len(image.shape) == 3
    n = image.shape[0] if cube else 1
    bands = _bands_of_cube(image.headers, n) if cube else [role.band]
    whole = Part(
        path=path,
        hdu=image.hdu,
        plane=None,
        planes=n,
        axes=image.shape,
        shape=image.shape[-2:],
        kind=role.kind,
        band=role.band,
        rest=role.rest,
        name=name,
        version=image.version,
        headers=image.headers,
    )
    return [whole._replace(plane=k if cube else None, band=band or role.band) for k, band in enumerate(bands)]


def _bands_of_cube(headers, n):
    """Names of the n bands of a cube, as the Legacy Surveys write them: BANDS = grz, or BAND0 = g and so on."""
    for header in headers:
        for first in (0, 1):
            values = [header.get(f"BAND{k + first}") for k in range(n)]
            if all(isinstance(value, str) for value in values):
                return [band_of(value) for value in values]
        bands = header.get("BANDS")
        if isinstance(bands, str):
            words = re.split(r"[^A-Za-z0-9]+", bands.strip())
            found = words if len(words) == n else list(bands.strip())
            if len(found) == n:
                return [band_of(word) for word in found]
    return [""] * n


def role_of_file(path, bands=()):
    """The kind of a file's image by the file's name, of `roles.KINDS` or "", and the band or ""."""
    role = role_of(stem(path), bands)
    return (role.kind if role.kind in (*COMPANIONS, "psf", "image", "other") else ""), role.band


def preference(part):
    """For sorting: the plainest name first, then the order of the words in `roles.KINDS`."""
    words = KINDS.get(part.kind, ())
    return len(part.rest), next((k for k, word in enumerate(words) if word in part.name.upper()), len(words)), part.hdu
