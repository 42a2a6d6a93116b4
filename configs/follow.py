"""Checks of parameters that `follow` another one: it is drawn earlier, or in the same component but not in a circle."""

from ..errors import nearest
from .keys import Section
from .names import parameter_names
from .parameters import Distribution, out_of_range
from .support import support

ORDER = ("lens_mass", "lens_light", "source")  # how a system is drawn; in each, the first component first


def check_follow(simulation):
    """One sentence for every `follow` in a `configs.schema.Simulation` that cannot work."""
    components = {f"{g}.{k}": c for g in ORDER for k, c in enumerate(getattr(simulation, g))}
    rank = {path: number for number, path in enumerate(components)}
    known = {f"{path}.{n}": path for path, c in components.items() for n in parameter_names(c) if _given(c, n)}
    for path, component in components.items():
        for name in parameter_names(component):
            law = _law(getattr(component, name))
            if law is None:
                continue
            where = f'simulate.{path}.{name}.follow.parameter: "{law.parameter}"'
            problems = list(_problem(where, law.parameter, known, path, rank, components))
            yield from problems
            span = None if problems else support(f"{path}.{name}", components)
            said = span and out_of_range(name, type(component).model_fields[name], *span)
            if said:
                yield f"simulate.{path}.{name}.follow: {said}; give low and high, or another factor or offset"
        shape = getattr(getattr(component, "e1_e2", None), "follow", None)
        if shape is not None:
            where = f'simulate.{path}.e1_e2.follow.component: "{shape.component}"'
            yield from _problem_of_shape(where, shape.component, path, rank, components)
    bands = simulation.band_observations() if simulation.bands else {}
    for path in (*_others(simulation, ""), *_others(bands, "bands")):
        yield f"simulate.{path}.follow: only parameters of profiles in {', '.join(ORDER)} can follow another one"


def _law(value):
    return value.follow if isinstance(value, Distribution) else None


def _given(component, name):
    return getattr(component, name) is not None


def _problem(where, wanted, known, path, rank, components):
    if wanted not in known:
        hint = nearest(wanted, known) or " Expected a parameter by its place, e.g. lens_mass.0.theta_E."
        yield f"{where} is not a parameter that this simulation draws.{hint}"
    elif known[wanted] == path:
        if _in_a_circle(wanted, path, components[path]):
            yield f"{where} follows itself"
    elif rank[known[wanted]] > rank[path]:
        yield f"{where} is drawn later than {path} (the order is {', '.join(ORDER)}), so it cannot be followed"


def _in_a_circle(parameter, path, component):
    """Whether a chain of parameters of one component never ends."""
    seen = set()
    while parameter.rpartition(".")[0] == path and parameter not in seen:
        seen.add(parameter)
        name = parameter.rpartition(".")[2]
        law = _law(getattr(component, name)) if name in parameter_names(component) else None
        if law is None:
            return False
        parameter = law.parameter
    return parameter in seen


def _problem_of_shape(where, wanted, path, rank, components):
    elliptical = [p for p, c in components.items() if "e1_e2" in type(c).model_fields]
    if wanted not in components:
        yield f"{where} is not a component of this simulation.{nearest(wanted, elliptical)}"
    elif wanted not in elliptical:
        hint = f" Those that have: {', '.join(elliptical)}."
        yield f"{where} ({components[wanted].profile}) has no e1 and e2.{hint}"
    elif wanted == path:
        yield f"{where} follows itself"
    elif rank[wanted] > rank[path]:
        yield f"{where} is drawn later than {path} (the order is {', '.join(ORDER)}), so it cannot be followed"


def _others(value, path):
    """Paths of what is told to follow although it is no parameter of a profile: colours, a PSF, ..."""
    if isinstance(value, Distribution):
        if value.follow is not None:
            yield path
    elif isinstance(value, Section):
        checked = parameter_names(value) if path.partition(".")[0] in ORDER else ()
        for name in type(value).model_fields:
            if name not in checked:
                yield from _others(getattr(value, name), f"{path}.{name}".lstrip("."))
    elif isinstance(value, dict):
        for name in value:
            yield from _others(value[name], f"{path}.{name}")
    elif isinstance(value, list):
        for k, item in enumerate(value):
            yield from _others(item, f"{path}.{k}")
