"""What a card says of the images of a config: rows of a table, and the table of its parameters, as Markdown."""

from collections.abc import Iterable, Sequence

from .components import INTERPOL
from .dark_matter import AXION_VORTEX, CDM
from .drawn_laws import drawn, law
from .observing import grids_in_words, observation_rows, selection_in_words
from .schema import Simulation

SPLITS = (
    "training begins at index 0, labelled systems at 2^40, test at 2^41, validation at 2^42, so that they never meet; "
    "test and validation have galaxies of their own"
)
_UNITS = {"double_poisson": "counts, whole numbers", "clipped_over_peak": "0 to 1, each image over its highest pixel"}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(c).replace("|", r"\|") for c in row) + " |\n" for row in cells)


def rows(simulation: Simulation) -> list[tuple[str, str]]:
    """What images show and how they are observed: pairs of a title and words."""
    units = _UNITS.get(simulation.observation.defect or "", "counts/s a pixel")
    out = [
        ("Images", grids_in_words(simulation)),
        ("Units", f"{units}; row 0 is the lowest y, column 0 the lowest x"),
        ("Classes", classes_in_words(simulation)),
        *_galaxies(simulation),
        *_subhalos(simulation),
        *observation_rows(simulation),
        ("Selection", selection_in_words(simulation)),
    ]
    return [(title, words) for title, words in out if words]


def classes_in_words(simulation: Simulation) -> str:
    """The classes of systems with their shares; "" if there are none."""
    total = sum(simulation.classes.values())
    return ", ".join(f"{name} {weight / total:.1%}" for name, weight in simulation.classes.items() if weight)


def parameter_rows(simulation: Simulation) -> list[tuple[str, str, str, str]]:
    """Of each parameter: name, law, unit and meaning, with the classes that have it."""
    return [
        (f"`{p.name}`", p.law, p.unit, p.meaning + (f"; only {', '.join(p.only)}" if p.only else ""))
        for p in drawn(simulation)
        if _occurs(simulation, p.only)
    ]


def facts(simulation: Simulation) -> str:
    """Both tables: of the images, and of the parameters."""
    parameters = table(("parameter", "drawn from", "unit", "meaning"), parameter_rows(simulation))
    return f"{table(('', ''), rows(simulation))}\n{parameters}"


def differences(titles: tuple[str, str], one: Simulation, other: Simulation) -> str:
    """A table of what is otherwise in another simulation of the same recipe, such as that of another mode."""
    here, there = (dict(rows(of)) | {p[0]: p[1] for p in parameter_rows(of)} for of in (one, other))
    here["Rays along a pixel"], there["Rays along a pixel"] = str(one.image.rays), str(other.image.rays)
    changed = [name for name in here | there if here.get(name) != there.get(name)]
    return table(("", *titles), [(name, here.get(name, ""), there.get(name, "")) for name in changed])


def _galaxies(simulation):
    """Which images of galaxies there are, a row for each component of them."""
    for group in ("source", "lens_light"):
        for k, component in enumerate(getattr(simulation, group)):
            if isinstance(component, INTERPOL):
                made_up = component.catalogue == "procedural"
                kinds = f" ({', '.join(component.kinds)})" if component.kinds else ""
                words = f"{component.n_galaxies} procedural galaxies{kinds}" if made_up else "galaxies of a catalogue"
                yield f"Galaxies of {group}.{k}", words


def _subhalos(simulation):
    """Populations of subhalos, a row each."""
    for component in simulation.substructure:
        if not _occurs(simulation, component.only or ()):
            continue
        of = f" of {', '.join(component.only)}" if component.only else ""
        if isinstance(component, AXION_VORTEX):
            words = f"{component.n_masses} equal point masses on a line, {law(component.mass)} Msun in all"
        elif isinstance(component, CDM):
            words = _halos_in_words(component)
        if component.deflection_factor != 1:
            words += f"; every deflection times {component.deflection_factor:g}"
        yield f"Subhalos{of}", words


def _occurs(simulation, only):
    """Whether some system has what occurs in the classes `only`; empty: in all."""
    return not only or any(simulation.classes[name] > 0 for name in only)


def _halos_in_words(halos):
    if halos.f_sub is None:
        count = f"{'Poisson with mean' if halos.count == 'poisson' else 'always'} {law(halos.n_mean)}"
    else:
        count = f"{law(halos.f_sub)} of the mass in their region, {halos.count}"
    masses = (
        f"theta_E {law(halos.theta_E)} arcsec each"
        if halos.theta_E is not None
        else (f"dN/dm ~ m^{law(halos.slope)} from {halos.m_min:g} to {halos.m_max:g} Msun")
    )
    density = {"area": "evenly", "radius": "~ 1/r", "cored": "~ 1/(r^2 + r_core^2)"}[halos.radial]
    where = (
        f'in a square of {2 * halos.half_side:g}"'
        if halos.half_side
        else f'between {halos.r_min:g}" and {halos.r_max:g}"'
    )
    return f"{halos.profile}; {count}; {masses}; {density} {where}"
