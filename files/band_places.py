"""Where bands that are wanted lie among those of images in files: by name, or in order where names are not known."""

from ..errors import DataError, nearest
from .bands import EXPECTED
from .roles import FILTER, band_of


def chosen(have, wanted, where, path):
    """The places of the bands that a config names, a list of int.

    Bands without a name are taken in order if as many are wanted, as nobody can choose among them.

    Args: have: names of the images' bands, "" where unknown. wanted: names. where: the key. path: of the images.
    Raises: DataError, one sentence, for a band that is not there, naming the nearest one.
    """
    places = _by_name(have, wanted)
    if None not in places:
        return places
    if not any(have):
        if len(have) == len(wanted):
            return list(range(len(have)))
        said = f"the bands of {path} have no names, and there are {len(have)}"
        raise DataError(f"{where}: {said}, so {len(wanted)} cannot be chosen; expected {where}=null, which takes all")
    name = wanted[places.index(None)]
    names = ", ".join(band or "one without a name" for band in have)
    raise DataError(f'{where}: no band "{name}" in {path}, which has {names}.{nearest(name, filter(None, have))}')


def of_network(have, wanted):
    """The places of the bands that a network takes, a list of int, and words on how they were found, "" if plainly.

    Args: have: names of the images' bands. wanted: of the network's. Both are "" where unknown.
    Raises: DataError, a sentence about "it", if there are too few or too many, or they are others.
    """
    places = _by_name(have, wanted)
    if None not in places:
        return places, f"bands {', '.join(have[place] for place in places)} by name" if len(have) > 1 else ""
    known = all(FILTER.fullmatch(band_of(name)) for name in (*have, *wanted))
    if len(have) == len(wanted) == 1:
        return [0], f"band {have[0]} in the place of {wanted[0]}" if known else ""
    if len(have) == len(wanted) and not (known and {*map(band_of, have)} != {*map(band_of, wanted)}):
        return list(range(len(have))), "bands in their order" + (f" as {', '.join(wanted)}" if all(wanted) else "")
    needed = f" ({', '.join(wanted)})" if all(wanted) else ""
    listed = f" ({', '.join(have)})" if all(have) else ""
    raise DataError(
        f"it holds {len(have)} band{'s' if len(have) > 1 else ''}{listed}, and the network was trained on "
        f"{len(wanted)}{needed}: expected {EXPECTED}."
    )


def _by_name(have, wanted):
    """The place of each wanted band: of its very name, or else of the only one of its filter; None without any."""
    filters = [band_of(name) if name else "" for name in have]
    return [_place(name, have, filters) for name in wanted]


def _place(name, have, filters):
    if name and name in have:
        return have.index(name)
    return filters.index(band_of(name)) if name and filters.count(band_of(name)) == 1 else None
