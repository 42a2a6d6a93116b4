"""The columns of the table of real lenses, as text and as what they are sorted by."""

import math
from typing import NamedTuple

from ...configs.quantities import find
from .digits import aligned, decimals, percent, plus_minus, with_minus
from .lens_agreement import is_radius
from .lens_rows import NETWORK, REFINED, SHEARLESS
from .tables import FIGURE_SPACE, meaning, symbol

OF_FIT = {  # what is measured of a fit, in words
    "chi2": "of a pixel: 1 where nothing but noise is left",
    "magnification": "flux of the arcs over that of the source",
    "images": "how many images of the middle of the source lie within the field",
    "light_left": "how much of the lens's own light is left, over what models of galaxies usually leave",
    "agreeing": "share of the ascents of the posterior that came to the same maximum",
    "seconds": "how long the fit took",
}
MANY = 1e5  # larger numbers, such as masses, are written with a power of ten
IN_TABLE = ("chi2",)  # the rest stands on the page of a lens


class LensColumn(NamedTuple):
    """A column: its head, and a text and a number for each lens; NaN is sorted last."""

    of: str  # the parameter under whose name it stands, or ""
    head: str
    means: str
    texts: list
    numbers: list


def columns(lenses, targets):
    """The `LensColumn`s of `lens_rows.RealLens`es: of each target all that is known, and chi2."""
    out = []
    for target in targets:
        for kind in (NETWORK, REFINED):
            if any(kind in lens.values.get(target, {}) for lens in lenses):
                held = [lens.values.get(target, {}).get(kind) for lens in lenses]
                means = f"{meaning_of(target)} Of the {'network' if kind == NETWORK else 'fit'}, with its error."
                cells = [shown(value) for value in held]
                out.append(_column(target, kind, means, cells, [v.value if v else math.nan for v in held]))
        best = [_best(lens, target) for lens in lenses]
        if any(math.isfinite(value.published) for value in best if value):
            published = [value.published if value else math.nan for value in best]
            off = [_off(value, target) if value else math.nan for value in best]
            out.append(_column(target, "published", "The published value.", alone(published), published))
            of = "refined" if any(REFINED in lens.values.get(target, {}) for lens in lenses) else "network's"
            words = f"The {of} value {'over' if is_radius(target) else 'less'} the published one"
            words += ", less 1. Sorted by size." if is_radius(target) else ". Sorted by size."
            head = "off" if is_radius(target) else "difference"
            cells = [difference_as_text(value, is_radius(target)) for value in off]
            out.append(_column(target, head, words, cells, [abs(value) for value in off]))
    for name in IN_TABLE:
        if any(name in lens.of_fit for lens in lenses):
            numbers = [lens.of_fit.get(name, math.nan) for lens in lenses]
            texts = [f"{v:.2f}" if math.isfinite(v) else "" for v in numbers]
            out.append(_column("", name, f"{OF_FIT[name]}.", texts, numbers))
    return out


def shown(value):
    """A `lens_rows.Estimate` as text: 1.22 ± 0.04; "" for nothing."""
    return with_minus(plus_minus(value.value, value.std)) if value else ""


def alone(values):
    """Numbers without errors as text, "" for NaN: all with as many decimals, 3 at most, as one of them needs."""
    known = [f"{value:.3f}".rstrip("0").partition(".")[2] for value in values if math.isfinite(value)]
    most = max(map(len, known), default=0)
    return [
        "" if not math.isfinite(value) else with_minus(f"{value:.{most}f}" if abs(value) < MANY else f"{value:.3g}")
        for value in values
    ]


def difference_as_text(value, in_per_cent):
    """A difference with its sign, "" for NaN."""
    if not math.isfinite(value):
        return ""
    value = round(value, 3) + 0.0  # no minus zero
    return percent(value, "+.1f") if in_per_cent else with_minus(f"{value:+.3f}")


def interval(low, high):
    """The ends of an interval as text, with the digits that its width leaves meaning."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    digits = max(decimals((high - low) / 2), 0) if high > low else 3
    return with_minus(f"{low:.{digits}f} to {high:.{digits}f}")


def symbol_of(name):
    """A parameter's symbol as HTML, also of an ellipticity without shear; any other name as it is."""
    base = name.removesuffix(SHEARLESS)
    return symbol(name) if base == name else symbol(base) + " without shear"


def meaning_of(name):
    """What a parameter is, a sentence, or ""."""
    base = name.removesuffix(SHEARLESS)
    return meaning(name) if base == name else "That of a lens without shear which deflects about as this one."


def unit_of(target):
    """The unit of a parameter in words, "" for a pure number."""
    found = find(target)
    return found.unit if found else ""


def _column(of, head, means, texts, numbers):
    return LensColumn(of, head, means, aligned(list(texts), FIGURE_SPACE), numbers)


def _best(lens, target):
    """The refined `lens_rows.Estimate` of a lens, the network's where nothing was fitted at all; None without one."""
    of = lens.values.get(target, {})
    return of.get(REFINED, of.get(NETWORK))


def _off(value, target):
    """How far a value is off the published one: relative to it, of radii."""
    if not is_radius(target):
        return value.difference
    return value.difference / value.published if value.published > 0 else math.nan
