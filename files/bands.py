"""Which of the images in a file is which band of a network."""

from ..errors import DataError
from .roles import FILTER, band_of

LISTED = 6  # images of a file that a sentence names
EXPECTED = "a cube (band, row, column), an extension a band or a file a band"


def wanted_bands(bands):
    """Names of bands, "" where unknown, of a number of them or of their names; None stays None."""
    return None if bands is None else ("",) * bands if isinstance(bands, int) else tuple(bands)


def one_a_band(images, wanted):
    """The `parts.Part` of each band that is wanted, and words on how they were found.

    By name where the names of the bands are known, else by their order. images: the parts that are images. wanted:
    names, "" where unknown; None takes all bands.

    Raises: DataError, a sentence about "it", if there are too few or too many, or they are others.
    """
    have, cube = [part.band for part in images], len({(part.path, part.hdu) for part in images}) == 1
    if wanted is None:
        if not cube and (len(set(have)) < len(have) or "" in have):
            raise DataError(_several(images))
        return images, "" if len(images) == 1 else f"bands {', '.join(have)}" if all(have) else "bands in their order"
    names = [band_of(name) if name else "" for name in wanted]
    if all(have.count(name) == 1 for name in names) and all(names):
        return [images[have.index(name)] for name in names], "" if len(
            images
        ) == 1 else f"band {', '.join(names)} by name"
    if len(images) == len(wanted) == 1:
        other = have[0] and FILTER.fullmatch(names[0])
        return images, f"band {have[0]} in the place of {names[0]}" if other else ""
    if len(wanted) == 1:
        if cube:
            rows, columns = images[0].shape
            raise DataError(
                f"its image is a cube of {images[0].planes} bands or images, shape "
                f"{(images[0].planes, rows, columns)}, and the network was trained on one band: expected a 2-D image."
            )
        plain = [part for part in images if not part.band]
        if len(plain) == 1:
            return plain, ""
        raise DataError(_several(images))
    known = all(FILTER.fullmatch(name) for name in (*names, *have))
    if len(images) != len(wanted) or (known and set(names) != set(have)):
        listed = f" ({', '.join(have[:LISTED])}{', ...' if len(have) > LISTED else ''})" if all(have) else ""
        needed = f" ({', '.join(wanted)})" if all(wanted) else ""
        raise DataError(
            f"it holds {len(images)} band{'s' if len(images) > 1 else ''}{listed}, and the network was trained on "
            f"{len(wanted)}{needed}: expected {EXPECTED}."
        )
    if not cube and not all(have):
        raise DataError(_several(images))
    order = f" as {', '.join(wanted)}" if all(wanted) else ""
    return images, f"bands in the order of the {'cube' if cube else 'extensions'}{order}"


def _several(images):
    arrays = list({(part.path, part.hdu): part for part in images}.values())  # a cube has many parts
    shapes = [f"{part.name} of {' x '.join(str(n) for n in reversed(part.axes))} pixels" for part in arrays[:LISTED]]
    listed = ", ".join(shapes) + (f" and {len(arrays) - LISTED} more" if len(arrays) > LISTED else "")
    if len({part.name.split(",")[0] for part in images}) == 1:
        return f"it holds {len(arrays)} images of one name, such as chips: {listed}; expected a cut-out of one lens."
    return (
        f"it holds {len(arrays)} images, and their names do not say which is the lens: {listed}; expected one called "
        "IMAGE or SCI."
    )
