"""What settings are made of: keys with a meaning and a unit, strict sections, numbers that may be distributions.

A unit of "-" means a pure number or a word.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from ..simulate.numerics import MAX_ELLIPTICITY


def key(meaning, unit="-", default=..., **limits):
    """A setting with its one-line meaning and its unit."""
    if isinstance(default, (list, dict, BaseModel)):
        limits["default_factory"] = lambda: default.copy() if isinstance(default, (list, dict)) else default
    else:
        limits["default"] = default
    return Field(description=meaning, json_schema_extra={"unit": unit}, **limits)


class Section(BaseModel):
    """A group of settings: unknown keys are errors, values cannot be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


def one_of(*names):
    """A validator: exactly one of the named keys is given."""

    def check(self):
        given = [n for n in names if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(names)}")
        return self

    return check


class Distribution(Section):
    """How a parameter is drawn: one of the keys below, e.g. {uniform: [0.8, 1.6]}."""

    uniform: tuple[float, float] | None = key("lowest, highest", "the parameter's", None)
    normal: tuple[float, float] | None = key("mean, standard deviation", "the parameter's", None)
    truncnormal: tuple[float, float, float, float] | None = key(
        "mean, standard deviation, lowest, highest", "the parameter's", None
    )
    loguniform: tuple[float, float] | None = key("lowest, highest, uniform in the logarithm", "the parameter's", None)
    beta: tuple[float, float, float, float] | None = key("a, b, lowest, highest", "the parameter's", None)

    exactly_one = model_validator(mode="after")(one_of("uniform", "normal", "truncnormal", "loguniform", "beta"))

    @model_validator(mode="after")
    def numbers_make_sense(self):
        kind, numbers = self.kind_and_numbers()
        if kind in ("uniform", "truncnormal", "loguniform", "beta") and not numbers[-2] < numbers[-1]:
            raise ValueError(f"{kind}: the lowest value must be below the highest")
        if kind in ("normal", "truncnormal") and not numbers[1] > 0:
            raise ValueError(f"{kind}: the standard deviation must be positive")
        if kind == "loguniform" and not numbers[0] > 0:
            raise ValueError("loguniform: the lowest value must be positive")
        if kind == "beta" and not min(numbers[:2]) > 0:
            raise ValueError("beta: a and b must be positive")
        return self

    def kind_and_numbers(self):
        """The name of the distribution and its numbers."""
        return next((k, v) for k, v in self if v is not None)

    def support(self):
        """Lowest and highest value that can be drawn."""
        kind, numbers = self.kind_and_numbers()
        return (-float("inf"), float("inf")) if kind == "normal" else tuple(numbers[-2:])


class Ellipticity(Section):
    """e1 and e2 drawn together, without a preferred direction and with a bounded axis ratio."""

    rayleigh: tuple[
        Annotated[float, Field(gt=0)],
        Annotated[float, Field(gt=0, lt=MAX_ELLIPTICITY)],
    ] = key("spread of e1 and of e2, largest |e| = (1-q)/(1+q)")


def _kind_of_number(value):
    return "distribution" if isinstance(value, (dict, Distribution)) else "number"


Parameter = Annotated[
    Annotated[float, Tag("number")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_kind_of_number),
]


def parameter(meaning, unit="-", default=..., low=-float("inf"), high=float("inf")):
    """A drawn parameter: a number or a distribution, all of it between `low` and `high`."""
    field = key(meaning, unit, default)
    field.json_schema_extra["range"] = [low, high]
    return field


def check_ranges(section):
    """Every drawn parameter stays inside its range, whatever is drawn."""
    for name, field in type(section).model_fields.items():
        low, high = field.json_schema_extra.get("range", (None, None))
        value = getattr(section, name)
        if low is None or value is None:
            continue
        lowest, highest = value.support() if isinstance(value, Distribution) else (value, value)
        if not (low <= lowest and highest <= high):
            raise ValueError(
                f"{name} must lie between {low:g} and {high:g}, but {lowest:g} to {highest:g} is asked for"
            )
    return section


def check_ellipticity(section):
    if section.e1_e2 is not None and (section.e1 != 0.0 or section.e2 != 0.0):
        raise ValueError("give either e1_e2 or e1 and e2, not both")
    return section
