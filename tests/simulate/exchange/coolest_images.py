"""Images of a COOLEST file by the coolest package."""

import functools
from types import SimpleNamespace

import pytest


def coolest_images(path, rays=1, **keys):
    """The images of a file's lensed source and of its lens's light; a test is skipped without the package."""
    pytest.importorskip("coolest")
    from coolest.api.composable_models import ComposableLensModel, ComposableLightModel
    from coolest.template.json import JSONSerializer

    folder, found = str(path.parent), JSONSerializer(str(path.with_suffix(""))).load(verbose=False)
    entities = found.lensing_entities
    massive = [k for k, entity in enumerate(entities) if len(entity.mass_model)]
    model = ComposableLensModel(
        found,
        folder,
        kwargs_selection_source={"entity_selection": [len(entities) - 1]},
        kwargs_selection_lens_mass={"entity_selection": massive},
    )
    for profile in model.source.profile_list:
        if hasattr(profile, "_interp_method"):
            profile._interp_method = "linear"  # cubic is no interpolation there, as it leaves out the prefilter
            axes = profile.get_coordinates().pixel_axes[::-1]  # 0.1.11 takes the field along x for that along y
            profile.get_coordinates = functools.partial(SimpleNamespace, pixel_axes=axes)
    source = model.model_image(supersampling=rays, **keys)[0]
    light = None
    if len(entities[0].light_model):
        own = ComposableLightModel(found, folder, entity_selection=[0])
        light = own.evaluate_surface_brightness(*model.coord_obs.pixel_coordinates)
    return source, light
