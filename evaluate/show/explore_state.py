"""One system whose every parameter can be set: its numbers, and the config that has them in place of distributions.

A `State` holds the numbers. All that is shown of it is drawn and rendered from its config as for any other system; so
`as_yaml`, which writes that config out, is another way to the same image.
"""

from dataclasses import dataclass, replace

import numpy as np
import yaml

from ...configs.names import parameter_names
from ...configs.recipes import DISCRIMINATORS
from ...configs.yaml_text import Dumper
from ...simulate.selection import draw
from ...simulate.systems.draw import Systems, Views, draw_systems, view_of
from ...simulate.systems.scene import Scene, with_config

GROUPS = ("lens_mass", "source", "lens_light")


@dataclass(frozen=True)
class State:
    """What is set of a system."""

    values: dict[str, float]  # every parameter that its class has, by its path in `simulate`: lens_mass.0.theta_E
    galaxies: dict[str, tuple[int, bool]]  # of each component with galaxy images: its number, and if it is mirrored
    class_name: str | None  # None if there are no classes
    index: int  # of the draw: the subhalos, and which PSF kernel of several
    attempt: int  # of the draw
    noise_index: int  # of the noise
    noise: bool
    source_view: int = 0  # how often another source was drawn
    lens_light: bool = True


@dataclass(frozen=True)
class Shown:
    """A state with its scene and drawn system."""

    state: State
    scene: Scene
    systems: Systems  # n = 1


def start(scene, index):
    """The `State` of system `index` of a scene's simulation, as it is drawn and selected."""
    systems = draw(scene, [index], Views())
    classes = list(scene.config.classes)
    return State(
        values=_numbers(scene, systems),
        galaxies=_galaxies(scene, systems),
        class_name=classes[systems.class_number[0]] if classes else None,
        index=int(index),
        attempt=int(systems.attempt[0, 0]),
        noise_index=int(index),
        noise=scene.config.observation.noise,
    )


def other_source(scene, state, index):
    """The state with another source: that of a further view of system `index` of the simulation."""
    view = state.source_view + 1
    systems = view_of(draw(scene, [index], Views(view + 1, frozenset({"source"}))), view)
    values = {path: v for path, v in _numbers(scene, systems).items() if path.startswith("source.")}
    galaxies = {path: g for path, g in _galaxies(scene, systems).items() if path.startswith("source.")}
    return replace(state, values=state.values | values, galaxies=state.galaxies | galaxies, source_view=view)


def other_halos(state):
    """The state with other subhalos (and another PSF kernel, if there are several)."""
    return replace(state, index=state.index + 1, attempt=0)


def _numbers(scene, systems):
    """Every parameter that the first of some systems has, by its path."""
    numbers = {path: float(np.ravel(values)[0]) for path, values in parameters(scene, systems).items()}
    return {path: value for path, value in numbers.items() if np.isfinite(value)}


def parameters(scene, systems):
    """Every parameter of n systems by its path in `simulate`: float64 (n,) or, of light, (n, 1); NaN where absent."""
    found = {}
    for group in GROUPS:
        for k, component in enumerate(getattr(scene.config, group)):
            drawn = getattr(systems, group)[k]
            for name in parameter_names(component):
                if name in drawn:
                    found[f"{group}.{k}.{name}"] = drawn[name]
            for band in scene.band_names[1:] if group != "lens_mass" else ():
                found[f"{group}.{k}.colors.{band}"] = drawn[f"color_{band}"]
    for k, (component, halos) in enumerate(zip(scene.config.substructure, systems.halos, strict=True)):
        for name in parameter_names(component):
            if name in halos.system:
                found[f"substructure.{k}.{name}"] = halos.system[name]
    for b, (band, instrument) in enumerate(scene.bands.items()):
        path = f"bands.{band}" if band else "observation"
        found[f"{path}.exposure_time"] = systems.optics["exposure_time"][..., b] / instrument.num_exposures
        for name, kinds in (("fwhm", ("gaussian", "moffat")), ("beta", ("moffat",))):
            if instrument.psf_kind in kinds:
                found[f"{path}.psf.{name}"] = systems.optics[name][..., b]
    return found


def _galaxies(scene, systems):
    out = {}
    for (group, k), pools in scene.pools.items():
        drawn, component = getattr(systems, group)[k], getattr(scene.config, group)[k]
        stamp = drawn["stamp"][0, 0]
        if np.isfinite(stamp):
            first = min(map(min, pools)) - (component.galaxy or 0)
            out[f"{group}.{k}"] = int(stamp - first), bool(drawn["parity"][0, 0] < 0)
    return out


def fixed(config, state):
    """A `configs.schema.Simulation` with the numbers of a state in place of its distributions, and without cuts."""
    update = {g: [_fixed_component(c, f"{g}.{k}", state) for k, c in enumerate(getattr(config, g))] for g in GROUPS}
    update["substructure"] = [
        _fixed_component(c, f"substructure.{k}", state) for k, c in enumerate(config.substructure)
    ]
    if not state.lens_light:
        update["lens_light"] = []
    update["classes"] = {name: float(name == state.class_name) for name in config.classes}
    observation = config.observation if config.bands else _fixed_observation(config.observation, "observation", state)
    update["observation"] = observation.model_copy(update={"noise": state.noise})
    update["bands"] = {
        name: config.bands[name] | _changes_of_band(seen, f"bands.{name}", state)
        for name, seen in (config.band_observations() if config.bands else {}).items()
    }
    return config.model_copy(update=update | {"selection": None})


def _fixed_component(component, path, state):
    names = [n for n in parameter_names(component) if f"{path}.{n}" in state.values]
    update = {name: state.values[f"{path}.{name}"] for name in names}
    if getattr(component, "e1_e2", None) is not None and "e1" in update:
        update["e1_e2"] = None
    colors = {p.rpartition(".")[2]: v for p, v in state.values.items() if p.startswith(f"{path}.colors.")}
    if colors:
        update["colors"] = colors
    if path in state.galaxies:
        number, mirrored = state.galaxies[path]
        update |= {"galaxy": number, "parity": False, "mirrored": mirrored}
    return component.model_copy(update=update)


def _fixed_observation(observation, path, state):
    psf = {n: state.values[f"{path}.psf.{n}"] for n in ("fwhm", "beta") if f"{path}.psf.{n}" in state.values}
    update = {"exposure_time": state.values[f"{path}.exposure_time"]}
    if psf and observation.psf is not None:
        update["psf"] = observation.psf.model_copy(update=psf)
    return observation.model_copy(update=update)


def _changes_of_band(observation, path, state):
    """The keys of a band that hold the numbers of a state, as `Simulation.bands` has them."""
    new = _fixed_observation(observation, path, state)
    psf = {} if new.psf is None else {"psf": new.psf.model_dump(exclude_unset=True, exclude_none=True)}
    return {"exposure_time": new.exposure_time} | psf


def shown(base, state, last=None):
    """A state with its scene and drawn system. base: the scene of the recipe; last: the `Shown` before, to save time.

    Raises: DataError for a number that no profile can be rendered with (when it is rendered), ConfigError.
    """
    config = _with_sizes_of_kernels(base, fixed(base.config, state))
    scene = with_config(base, config, None if last is None else last.scene)
    return Shown(state, scene, draw_systems(scene, [state.index], Views(), state.attempt))


def _with_sizes_of_kernels(base, config):
    """The config with a Moffat's kernel as large as that of the recipe, which follows from its widest PSF."""
    sizes = {name: t.psf_size for name, t in base.bands.items() if t.psf_kind == "moffat"}
    if "" in sizes:
        psf = config.observation.psf.model_copy(update={"size": sizes[""]})
        return config.model_copy(update={"observation": config.observation.model_copy(update={"psf": psf})})
    bands = {
        name: keys | {"psf": keys["psf"] | {"size": sizes[name]}} if name in sizes else keys
        for name, keys in config.bands.items()
    }
    return config.model_copy(update={"bands": bands})


def n_halos(systems):
    """How many subhalos a single system has."""
    return sum(len(halos.mass) for halos in systems.halos)


def as_yaml(frame, name, seed):
    """A recipe of this system alone, as YAML text: every system of it has these numbers."""
    simulate = _without_nothing(frame.scene.config.model_dump(mode="json", exclude_unset=True))
    head = [f"# One system of the recipe {name}, with every number as it was set in lenstream explore."]
    drawn = ["subhalos"] if frame.scene.config.substructure else []
    drawn += ["PSF kernel"] if max(len(t.kernels) for t in frame.scene.bands.values()) > 1 else []
    if drawn and frame.state.attempt:
        head.append(f"# Its {' and '.join(drawn)} were those of a system after a cut, and are others here.")
    elif drawn:
        head.append(f"# Its {' and '.join(drawn)}: those of system {frame.state.index}, as `preview` counts from 0.")
    values = {"name": f"{name}_explored"[:100], "seed": seed, "simulate": simulate}
    text = yaml.dump(values, Dumper=Dumper, sort_keys=False, width=1 << 20, default_flow_style=None)
    return "\n".join(head) + "\n" + text


def _without_nothing(value):
    """Nested values without keys that hold None, or nothing at all; what tells profiles apart comes first."""
    if isinstance(value, dict):
        kept = {k: _without_nothing(v) for k, v in value.items() if v is not None and v != [] and v != {}}
        return {k: kept[k] for k in sorted(kept, key=lambda k: k not in DISCRIMINATORS)}
    return [_without_nothing(v) for v in value] if isinstance(value, list) else value
