"""Galaxy images from a catalogue: which are read, how they are cleaned, and how they look at another redshift."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import DataError, grouped
from ...files.column_names import impossible
from ...files.galaxy_layouts import catalogue_in, entries, table_entries
from ...files.paths import usable
from .cleaning import LARGEST, SMALLEST, centred, clean, extent
from .procedural import DEFAULT_MORPHOLOGIES, procedural
from .stamps import Stamps, half_light_radii, take

log = logging.getLogger("lenstream")


def read(component, seed, z_source=None, cosmology=None):
    """The galaxies that an INTERPOL component asks for: made up, or read from any catalogue.

    Args:
        component: a `configs.components.INTERPOL`: its catalogue ('procedural', a RealGalaxyCatalog FITS table, a
            folder of FITS images or an .npz archive), n_galaxies, kinds, cuts, sky_removal and at_redshift.
        seed: of made-up galaxies. z_source, cosmology: redshift to bring galaxies to and an astropy cosmology, needed
            if the component says at_redshift.

    Returns: Stamps of even size. Cuts are in the catalogue's magnitudes (of the first band) and arcsec, before anything
        is scaled; after the cut in magnitude, n_galaxies are taken evenly through the catalogue. Galaxies without a
        usable image are left out, with one warning that names them.

    Raises: DataError, one sentence, if the catalogue cannot be read or lacks what is asked of it, or nothing is left.
    """
    if component.catalogue == "procedural":
        return procedural(seed, component.n_galaxies, morphologies=tuple(component.kinds or DEFAULT_MORPHOLOGIES))
    if component.at_redshift and (z_source is None or cosmology is None):
        raise DataError("Galaxies are to be seen at_redshift: expected a source redshift and a cosmology.")
    path = Path(component.catalogue)
    listed = entries(path)
    wanted = _usable_values(listed, component, path)
    if component.magnitude_cut is not None:
        wanted &= _inside(listed.magnitude[:, 0], component.magnitude_cut)
    chosen = np.flatnonzero(wanted)
    if len(chosen) == 0:
        bright, faint = component.magnitude_cut or (-np.inf, np.inf)
        raise DataError(
            f"No galaxy of {path} has what is asked for: expected magnitudes of {bright:g} to {faint:g} and known "
            "redshifts and pixel scales where these are needed."
        )
    stamps = _stamps(listed, path, _spread(chosen, component.n_galaxies), None, component.sky_removal)
    if component.size_cut is not None:
        sizes = stamps.R_half * stamps.pixel_scale
        inside = _inside(sizes, component.size_cut)
        if not inside.any():
            raise DataError(
                f"No galaxy read from {path} has an R_half of {component.size_cut[0]:g} to {component.size_cut[1]:g} "
                f"arcsec (size_cut): they have {sizes.min():.3g} to {sizes.max():.3g}."
            )
        stamps = take(stamps, inside)
    return at_redshift(stamps, z_source, cosmology) if component.at_redshift else stamps


def read_cosmos(path, size=None, limit=None):
    """The usable galaxies of a RealGalaxyCatalog, sky and neighbours removed, centred on the centroid of their light.

    Args:
        path: the catalogue, e.g. real_galaxy_catalog_23.5.fits, beside which the image files lie; or their folder.
        size: pixels on a side of the stamps; None: what the largest galaxy needs, even and at most 256. A galaxy too
            large for it is binned 2x2, 3x3, ...
        limit: read no more than this many galaxies, at least one, evenly spread through the catalogue; None: all. (The
            56,000 of COSMOS_23.5 take minutes to read and up to 15 GB to hold.)

    Returns: Stamps, pixel scale [arcsec], AB magnitude and redshift from the catalogue. Galaxies without a usable image
        are left out, with one warning that names them.

    Raises: DataError if the catalogue is absent, is not FITS, is cut short or lacks a column, or no galaxy is usable.
    """
    if size is not None and size < SMALLEST:
        raise DataError(f"Stamps of {size} pixels are too small for galaxies: expected a size of {SMALLEST} or more.")
    path = usable(path)
    catalogue = catalogue_in(path) if path.is_dir() else None
    listed = table_entries(path if catalogue is None else catalogue)
    return _stamps(listed, path, _spread(np.arange(len(listed.names)), limit), size, True)


def at_redshift(stamps, z_source, cosmology):
    """Galaxies as they would look at another redshift.

    Pixel scales go as the angular diameter distance and fluxes as the luminosity distance squared: nu L_nu is taken to
    be the same at all frequencies, so there is no K-correction (a spectrum of constant L_nu would be brighter by
    2.5 log10((1 + z) / (1 + z_catalogue)) mag), and stars do not age.

    Args: stamps: Stamps with redshifts; z_source: > 0; cosmology: an astropy cosmology.
    Returns: Stamps, redshift z_source.
    """
    angular, luminosity = (
        np.asarray(distance(z_source) / distance(stamps.redshift))
        for distance in (cosmology.angular_diameter_distance, cosmology.luminosity_distance)
    )
    return replace(
        stamps,
        pixel_scale=stamps.pixel_scale / angular,
        magnitude=stamps.magnitude + 5.0 * np.log10(luminosity)[:, None],
        redshift=np.full(len(stamps.redshift), float(z_source)),
    )


def _usable_values(listed, component, path):
    """Which galaxies have what is asked of them, bool (n,); says how many have not.

    An impossible value, such as a magnitude of -99, counts where it would be used; an absent one where a cut or
    at_redshift needs it. What else is absent the config may give.

    Raises: DataError if no galaxy has it.
    """
    own = component.magnitude is None, component.R_half is None  # the catalogue's values are then used
    checked = (
        ("magnitude", listed.magnitude, component.magnitude_cut and "magnitude_cut", own[0]),
        ("pixel_scale", listed.pixel_scale[:, None], component.size_cut and "size_cut", own[1]),
        ("redshift", listed.redshift[:, None], component.at_redshift and "at_redshift", False),
    )
    problems = {}
    for name, values, key, used in checked:
        words, bad = name.replace("_", " "), impossible(name, values)
        if key and not (np.isfinite(values[:, 0]) & ~bad[:, 0]).any():
            raise DataError(f"The galaxy catalogue {path} gives no {words}, which {key} needs.")
        for k in np.flatnonzero(bad.any(1)) if key or used else ():
            problems.setdefault(k, f"its {words} is {values[k][bad[k]][0]:g}, which is impossible")
        for k in np.flatnonzero(np.isnan(values[:, 0])) if key else ():
            problems.setdefault(k, f"no {words}, which {key} needs")
    if problems:
        why = "; ".join(grouped(((listed.names[k], problems[k]) for k in sorted(problems)), "galaxies"))
        if len(problems) == len(listed.names):
            raise DataError(f"No galaxy of {path} is usable: {why}.")
        log.warning("%d of %d galaxies of %s left out: %s", len(problems), len(listed.names), path, why)
    usable = np.ones(len(listed.names), bool)
    usable[list(problems)] = False
    return usable


def _inside(values, span):
    return (values >= span[0]) & (values <= span[1])


def _spread(chosen, limit):
    """At most `limit` of the chosen numbers, evenly through them."""
    if limit is None or limit >= len(chosen):
        return chosen
    return chosen[np.linspace(0, len(chosen) - 1, max(limit, 1)).round().astype(int)]


def _stamps(listed, path, chosen, size, sky_removal):
    """Stamps of the galaxies with the chosen numbers."""
    galaxies, unusable = {}, {}
    for k, image in listed.images(chosen):
        light = image if isinstance(image, str) else _light(image, listed.sky[k], sky_removal)
        if isinstance(light, str):
            unusable[k] = light
        else:
            galaxies[k] = light.astype(np.float32)  # all are held until the size of the stamps is known
    if unusable:
        why = "; ".join(grouped(((listed.names[k], unusable[k]) for k in sorted(unusable)), "galaxies"))
        if not galaxies:
            raise DataError(f"No galaxy of {path} is usable: {why}.")
        log.warning("%d of %d galaxies of %s left out: %s", len(unusable), len(chosen), path, why)
    order = sorted(galaxies)
    if size is None:
        size = min(max(extent(galaxies[k]) for k in order), LARGEST)
    bands = len(galaxies[order[0]])
    images, binning = np.empty((len(order), bands, size, size), np.float32), np.empty(len(order))
    R_half, light = np.empty(len(order)), np.empty((len(order), bands))
    for i, k in enumerate(order):
        galaxy = galaxies.pop(k)
        light[i] = galaxy.sum((1, 2), dtype=float)
        images[i], binning[i] = centred(galaxy, size)
        R_half[i] = half_light_radii(np.tensordot(light[i], images[i], 1)[None])[0]
    known = listed.magnitude[order]
    # Where a file knows the magnitude of the first band only, the others follow from their light.
    magnitude = np.where(np.isfinite(known), known, known[:, :1] - 2.5 * np.log10(light / light[:, :1]))
    return Stamps(
        images=images,
        R_half=R_half,
        pixel_scale=listed.pixel_scale[order] * binning,
        magnitude=magnitude,
        redshift=listed.redshift[order],
        names=tuple(str(name) for name in listed.names[order]),
    )


def _light(image, sky, sky_removal):
    """The galaxy's light, >= 0, or why there is none."""
    rows, columns = image.shape[-2:]
    if min(rows, columns) < SMALLEST:
        return f"its {columns} x {rows} pixels are less than {SMALLEST} on a side"
    if not np.isfinite(image).any():
        return "no finite pixel"
    light = clean(image, sky) if sky_removal else np.maximum(np.nan_to_num(image, posinf=0.0, neginf=0.0), 0.0)
    if light is None:
        return "no galaxy found in the image"
    dark = [b + 1 for b, band in enumerate(light) if not band.sum() > 0.0]
    if dark:
        return f"no light in band {dark[0]}" if len(light) > 1 else "no light in the image"
    return light
