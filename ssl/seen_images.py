"""What the images of a training are, as its encoder remembers it: size, bands, pixel scale, unit and kind."""

SIMULATED, DATASET, FILES = "simulated systems", "a dataset of simulated systems", "images in files"  # kinds
UNITS = "counts/s per pixel"  # of simulated images


def facts_of(images, scene, simulate):
    """What is remembered of the images that an encoder sees, as JSON values: encoders of earlier versions have none.

    Args: images: of `data.open_images`, None for the stream. scene: of the bands that are seen, as of
    `data.training_scene`; None without one. simulate: the config's `Simulation`, or None.
    """
    from .archive_images import ArchiveImages  # which brings torch

    if images is None:
        return of_scene(scene) | {"kind": SIMULATED, "population": in_words(simulate)}
    if isinstance(images, ArchiveImages):
        return of_scene(images.grid) | {"kind": DATASET, "population": in_words(images.config.simulate)}
    known = {"bands": list(images.band_names), "num_pix": images.num_pix, "pixel_scale": images.pixel_scale}
    return known | {"units": None, "kind": FILES, "population": ""}


def of_scene(scene):
    """Of simulated images: dict with bands, num_pix, pixel_scale [arcsec] and units."""
    return {
        "bands": list(scene.bands),
        "num_pix": scene.config.image.num_pix,
        "pixel_scale": float(scene.instrument.pixel_scale),
        "units": UNITS,
    }


def in_words(simulate):
    """The profiles of a `configs.schema.Simulation`, such as "lens EPL + SHEAR, source SERSIC_ELLIPSE"."""
    groups = {"lens": simulate.lens_mass, "source": simulate.source, "lens light": simulate.lens_light}
    parts = [
        f"{group} {' + '.join(c.profile for c in components)}" for group, components in groups.items() if components
    ]
    return ", ".join([*parts, *(["subhalos"] if simulate.substructure else [])])
