"""Parameters of a simulation as settings: a number or a distribution, the range of both, and e1 and e2 together."""

import math
from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from ..errors import DataError
from ..simulate.profiles.declaration import MAX_ELLIPTICITY
from .keys import Mistakes, Section, exactly_one_of, key

FURTHEST = 6  # standard deviations from the middle of a law to the range that it is cut to
PLAIN = ("uniform", "normal", "truncnormal", "lognormal", "loguniform", "beta")


class PlainDistribution(Section):
    """A distribution that a few numbers describe: one of the keys below, e.g. {uniform: [0.8, 1.6]}."""

    uniform: tuple[float, float] | None = key("lowest, highest", "the parameter's", None)
    normal: tuple[float, float] | None = key("mean, standard deviation", "the parameter's", None)
    truncnormal: tuple[float, float, float, float] | None = key(
        "mean, standard deviation, lowest, highest", "the parameter's", None
    )
    lognormal: tuple[float, ...] | None = key(
        "median, standard deviation of log10 in dex and, to cut it off, lowest, highest", "the parameter's", None
    )
    loguniform: tuple[float, float] | None = key("lowest, highest, uniform in the logarithm", "the parameter's", None)
    beta: tuple[float, float, float, float] | None = key("a, b, lowest, highest", "the parameter's", None)

    exactly_one = model_validator(mode="after")(exactly_one_of(*PLAIN))

    @model_validator(mode="after")
    def numbers_make_sense(self):
        law, numbers = self.law_and_numbers()
        if law not in PLAIN:
            return self
        if law == "lognormal" and len(numbers) not in (2, 4):
            raise ValueError("lognormal: give median and dex, or median, dex, lowest and highest")
        bounds = numbers if law in ("uniform", "loguniform") else numbers[2:]
        if bounds and not bounds[0] < bounds[1]:
            raise ValueError(f"{law}: the lowest value must be below the highest")
        if bounds and not math.isfinite(bounds[1] - bounds[0]):
            raise ValueError(f"{law}: {bounds[0]:g} to {bounds[1]:g} is too wide for a number")
        if law in ("normal", "truncnormal", "lognormal") and not numbers[1] > 0:
            raise ValueError(f"{law}: the standard deviation must be positive")
        if law == "lognormal" and not numbers[0] > 0:
            raise ValueError("lognormal: the median must be positive")
        if law in ("loguniform", "lognormal") and bounds and not bounds[0] > 0:
            raise ValueError(f"{law}: the lowest value must be positive")
        if law == "beta" and not min(numbers[:2]) > 0:
            raise ValueError("beta: a and b must be positive")
        if law in ("truncnormal", "lognormal") and bounds:
            _check_some_are_within(law, *numbers)
        return self

    def law_and_numbers(self):
        """The name of the distribution and its numbers."""
        return next((k, v) for k, v in self if v is not None and k != "weight")

    def support(self):
        """Lowest and highest value that can be drawn."""
        law, numbers = self.law_and_numbers()
        if law == "normal":
            return -math.inf, math.inf
        if law == "lognormal" and len(numbers) == 2:
            return 0.0, math.inf
        return tuple(numbers[-2:])

    def typical(self):
        """Lowest and highest value of all but a few in a million: the ends, or five standard deviations away."""
        law, numbers = self.law_and_numbers()
        if law == "normal":
            return numbers[0] - 5 * numbers[1], numbers[0] + 5 * numbers[1]
        if law == "lognormal" and len(numbers) == 2:
            decades = min(5 * numbers[1], 300)
            return numbers[0] * 10**-decades, min(numbers[0], 1e8) * 10**decades
        return self.support()


def _check_some_are_within(law, middle, spread, low, high):
    """Refuse bounds so far out in the tail of a normal law that next to nothing lies between them."""
    ends = [low, high] if law == "truncnormal" else [math.log10(low / middle), math.log10(high / middle)]
    ends = [(end - middle) / spread if law == "truncnormal" else end / spread for end in ends]
    away = max(ends[0], -ends[1])
    if away > FURTHEST:
        raise ValueError(
            f"{law}: {low:g} to {high:g} lies {away:.3g} standard deviations away from {middle:g}, "
            f"so that nothing is drawn there; expected {FURTHEST} at most"
        )


class MixturePart(PlainDistribution):
    """One of the distributions that are mixed, e.g. {weight: 0.7, normal: [2, 0.2]}."""

    weight: float = key("how often this one is drawn, relative to the others", gt=0)


class Table(Section):
    """A column of a catalogue."""

    file: str = key("a table: CSV or other text with names in its first line, FITS, ECSV, VOTable or Parquet")
    column: str = key("name of the column, with or without its unit; every row of it holds a number")

    @model_validator(mode="after")
    def can_be_read(self):
        try:
            self.values()
        except DataError as error:
            raise ValueError(str(error)) from None
        return self

    def values(self):
        """The numbers of the column, (rows,). Raises: DataError if it cannot be read, or holds something else."""
        from ..files.columns import read_column  # here, as few configs need tables

        return read_column(self.file, self.column)


class Follow(Section):
    """offset + factor * another parameter + scatter * a standard normal number, clipped to low and high."""

    parameter: str = key("the other parameter, e.g. lens_mass.0.theta_E; it is drawn earlier, or in the same component")
    factor: float = key("what the other parameter is multiplied by", "this parameter's / the other's", 1.0)
    offset: float = key("what is added", "the parameter's", 0.0)
    scatter: float = key("standard deviation around that", "the parameter's", 0.0, ge=0)
    low: float | None = key("values below are set to it", "the parameter's", None)
    high: float | None = key("values above are set to it", "the parameter's", None)

    @model_validator(mode="after")
    def bounds_are_in_order(self):
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError("low must be below high")
        return self

    def support(self):
        """Lowest and highest value that can be drawn, whatever the other parameter is."""
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high


class Distribution(PlainDistribution):
    """How a parameter is drawn: one of the keys below, e.g. {uniform: [0.8, 1.6]}."""

    mixture: list[MixturePart] | None = key("several distributions with weights", "the parameter's", None, min_length=1)
    table: Table | None = key(
        "a column of a catalogue; parameters that name the same file take the same row of it",
        "the parameter's",
        None,
    )
    follow: Follow | None = key("another parameter, with scatter", "the parameter's", None)

    exactly_one = model_validator(mode="after")(exactly_one_of(*PLAIN, "mixture", "table", "follow"))

    def support(self):
        """Lowest and highest value that can be drawn."""
        if self.mixture is not None:
            lowest, highest = zip(*(part.support() for part in self.mixture), strict=True)
            return min(lowest), max(highest)
        if self.table is not None:
            values = self.table.values()
            return float(values.min()), float(values.max())
        if self.follow is not None:
            return self.follow.support()
        return super().support()

    def typical(self):
        """As that of a plain one; None for what follows another parameter, of which it says too little."""
        if self.mixture is not None:
            lowest, highest = zip(*(part.typical() for part in self.mixture), strict=True)
            return min(lowest), max(highest)
        if self.follow is not None:
            return None
        return self.support() if self.table is not None else super().typical()


class FollowShape(Section):
    """An ellipse like another component's, with scatter in the modulus |e| = (1-q)/(1+q) and in the angle.

    phi = the other's phi + N(0, angle_scatter); |e| = factor * the other's + N(0, scatter), clipped to 0 ... largest.
    """

    component: str = key("the other component, e.g. lens_mass.0; it is drawn earlier and has e1 and e2")
    factor: float = key("|e| over the other's |e|", default=1.0, gt=0, le=100)
    scatter: float = key("standard deviation of |e| around that", default=0.05, ge=0, le=1)
    angle_scatter: float = key(
        "standard deviation of the angle between the two; SLACS lenses have 10 deg between light and mass "
        "(Koopmans+ 2006)",
        "rad",
        0.17,
        ge=0,
        le=100,
    )
    largest: float = key("largest |e|", default=0.6, gt=0, lt=MAX_ELLIPTICITY)


class Ellipticity(Section):
    """e1 and e2 drawn together, with a bounded axis ratio: in any direction, or like another component's."""

    rayleigh: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0, lt=MAX_ELLIPTICITY)]] | None = key(
        "spread of e1 and of e2, largest |e| = (1-q)/(1+q); no preferred direction", "-", None
    )
    follow: FollowShape | None = key("the shape of another component, with scatter, e.g. light like mass", "-", None)

    exactly_one = model_validator(mode="after")(exactly_one_of("rayleigh", "follow"))

    @property
    def largest(self):
        """The largest |e| that can be drawn."""
        return self.rayleigh[1] if self.rayleigh is not None else self.follow.largest


def _number_or_distribution(value):
    return "distribution" if isinstance(value, (dict, Distribution)) else "number"


Parameter = Annotated[
    Annotated[float, Tag("number")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_number_or_distribution),
]


def parameter(meaning, unit="-", default=..., low=-math.inf, high=math.inf, symbol=None):
    """A drawn parameter: a number or a distribution, all of it between `low` and `high`.

    The unit is one that `astropy.units` reads, or "-" for a pure number.
    """
    field = key(meaning, unit, default, symbol)
    field.json_schema_extra["range"] = [low, high]
    return field


ABSURD = 1e9  # a range as wide as this only keeps out numbers with a mistake in them: a law may have no ends


def check_ranges(section):
    """Every drawn parameter stays inside its range, whatever is drawn.

    What follows another parameter is left to `follow.check_follow`, which knows that one.
    """
    found = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if "range" not in field.json_schema_extra or value is None or getattr(value, "follow", None) is not None:
            continue
        lowest, highest = value.support() if isinstance(value, Distribution) else (value, value)
        problem = out_of_range(name, field, lowest, highest)
        if problem and math.isinf(highest):
            problem += "; a law with ends keeps within, e.g. truncnormal, or lognormal with its lowest and highest"
        found += [(name, problem)] if problem else []
    if found:
        raise Mistakes(found)
    return section


def out_of_range(name, field, lowest, highest):
    """What is wrong with the values `lowest` to `highest` of a parameter, in words, or None."""
    low, high = field.json_schema_extra["range"]
    from_low = low <= lowest or (low <= -ABSURD and lowest == -math.inf)
    to_high = highest <= high or (high >= ABSURD and highest == math.inf)
    if from_low and to_high:
        return None
    asked = f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"
    return f"{name} must lie between {low:g} and {high:g}, but {asked} is asked for"


def check_ellipticity(section):
    """An ellipticity is given either as e1 and e2 or as a joint distribution of both."""
    if section.e1_e2 is not None and (section.e1 != 0.0 or section.e2 != 0.0):
        raise ValueError("give either e1_e2 or e1 and e2, not both")
    return section
