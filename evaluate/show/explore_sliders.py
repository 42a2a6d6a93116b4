"""The sliders of `lenstream explore`: one for every parameter of a system, over the range in which it makes sense."""

import math
from typing import NamedTuple

import numpy as np

from ...configs.names import parameter_names
from ...configs.observation import PSF, Observation
from ...simulate.profiles import registry
from ...simulate.systems.draw import Views, draw_systems
from .explore_state import parameters

POPULATION = 256  # systems whose parameters show the range
QUANTILES = 0.005, 0.995
WIDER = 0.5  # of the range of the population, on each side
MOST_ELLIPTIC = 0.6  # of e1 and of e2, so that both together can be rendered
LOGARITHMIC = 30.0  # a range of positive numbers as wide as that is shown by its logarithm
STEPS = 250  # of a slider, about
# How far to each side of a number that is the same in all systems: by name, by unit, or else times the number
AROUND = {"e1": 0.3, "e2": 0.3, "gamma1": 0.1, "gamma2": 0.1, "mag(AB)": 2.0, "mag": 1.0}
AROUND_OTHERS, AROUND_NOTHING = 0.5, 0.3
LAST = ("e1", "e2", "center_x", "center_y")  # of the sliders of a component


class Slider(NamedTuple):
    """A parameter that can be moved."""

    path: str  # in `simulate`, e.g. lens_mass.0.theta_E
    group: str  # the title of its component
    title: str  # its name and unit
    meaning: str
    low: float  # of what is shown: the number, or log10 of it
    high: float
    step: float
    logarithmic: bool

    def shown(self, number):
        """What the slider shows for a number."""
        return math.log10(number) if self.logarithmic else number

    def number(self, shown):
        """The number for what the slider shows."""
        return 10.0**shown if self.logarithmic else float(shown)


def sliders(scene):
    """The sliders of a scene's parameters by the component that they belong to: dict of title to list of `Slider`.

    Ranges are those of the scene's population, made wider as far as the profile allows.
    """
    drawn = parameters(scene, draw_systems(scene, np.arange(POPULATION), Views()))
    known, out = _declared(scene), {}
    for path, values in drawn.items():
        group, field, whole = known[path]
        values = values[np.isfinite(values)]
        if len(values):
            out.setdefault(group, []).append(_slider(path, group, field, whole, values))
    return {group: sorted(own, key=lambda s: s.path.endswith(LAST)) for group, own in out.items()}


def _declared(scene):
    """Of every parameter, by its path: the title of its group, its field in the schema, and if it is a whole number."""
    out = {}
    profiles = registry.MASS | registry.LIGHT
    for group in ("lens_mass", "source", "lens_light", "substructure"):
        for k, component in enumerate(getattr(scene.config, group)):
            name = getattr(component, "profile", "")
            kind = getattr(component, "kind", name)
            whole = [p.name for p in profiles[name].parameters if p.whole] if kind == name and name else []
            fields, title = type(component).model_fields, f"{group}.{k} {kind}"
            for n in parameter_names(component):
                out[f"{group}.{k}.{n}"] = title, fields[n], n in whole
            for band in scene.band_names[1:]:
                out[f"{group}.{k}.colors.{band}"] = title, None, False
    for band in scene.bands:
        path = f"bands.{band}" if band else "observation"
        out[f"{path}.exposure_time"] = path, Observation.model_fields["exposure_time"], False
        for name in ("fwhm", "beta"):
            out[f"{path}.psf.{name}"] = path, PSF.model_fields[name], False
    return out


def _slider(path, group, field, whole, values):
    name = path.split(".", 1 if path.startswith("observation") else 2)[-1]
    if field is None:  # a colour
        unit, meaning, limits = "mag", "magnitude in this band minus that in the first one", (-math.inf, math.inf)
    else:
        extra = field.json_schema_extra
        unit, meaning, limits = extra["unit"], field.description, extra["range"]
    if name in ("e1", "e2"):
        limits = -MOST_ELLIPTIC, MOST_ELLIPTIC
    low, high, logarithmic = _range(values, name, unit, limits)
    title = f"log10 {name}" if logarithmic else name
    title += "" if unit == "-" else f" [{unit.removesuffix('(AB)')}]"
    step = 1.0 if whole else _round_step((high - low) / STEPS)
    return Slider(path, group, title, meaning, *_on_steps(low, high, step), step, logarithmic)


def _range(values, name, unit, limits):
    """Lowest and highest value to show, and whether as logarithms."""
    if unit == "rad":
        low = 0.0 if values.min() >= 0 else -math.pi
        return low, low + 2.0 * math.pi, False
    low, high = np.quantile(values, QUANTILES)
    ends = [low, high, values.min(), values.max(), *limits]
    logarithmic = low > 0 and high / low > LOGARITHMIC
    if logarithmic:
        ends = [math.log10(end) if end > 0 else -math.inf for end in ends]
    low, high, lowest, highest, *limits = ends
    if high - low > 1e-9 * abs(high):
        wider = WIDER * (high - low)
    else:
        wider = AROUND.get(name, AROUND.get(unit, AROUND_OTHERS * abs(high) or AROUND_NOTHING))
    low, high = max(low - wider, limits[0]), min(high + wider, limits[1])
    return float(min(low, lowest)), float(max(high, highest)), bool(logarithmic)


def _round_step(step):
    """A step of 1, 2 or 5 times a power of ten, about as large as given."""
    power = 10.0 ** math.floor(math.log10(step))
    return float(f"{power * next(m for m in (1, 2, 5, 10) if m * power >= step * 0.999):.3g}")


def _on_steps(low, high, step):
    """The range on multiples of the step, inwards where a limit may be."""
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return round(first * step, digits), round(last * step, digits)
