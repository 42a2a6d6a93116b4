"""The readers of COOLEST that are not ours."""

import functools
from types import SimpleNamespace

import pytest


@pytest.fixture
def by_lenstronomy(monkeypatch):
    """A function: the terms that lenstronomy's own interface reads from a COOLEST file."""
    pytest.importorskip("coolest")
    from lenstronomy.Util.coolest_interface import create_lenstronomy_from_coolest

    def read(path):
        monkeypatch.chdir(path.parent)  # it looks for images in the current folder
        found = create_lenstronomy_from_coolest(str(path.with_suffix("")))
        return found | found["kwargs_result"]

    return read


@pytest.fixture
def by_coolest():
    """A function: the images of a file's lensed source and of its lens's light, by the coolest package."""
    pytest.importorskip("coolest")
    from coolest.api.composable_models import ComposableLensModel, ComposableLightModel
    from coolest.template.json import JSONSerializer

    def read(path, rays=1, **keys):
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

    return read
