"""Other laws for a parameter than a config has, as the dictionaries of YAML: multiplied by a factor, or moved."""


def scaled(value, factor):
    """A number, or a law as a dictionary, times a factor. Raises: ValueError for a law that cannot be."""
    if not isinstance(value, dict):
        return value * factor
    name, numbers = next(iter(value.items()))
    if name in ("uniform", "normal", "truncnormal", "loguniform"):
        return {name: [factor * x for x in numbers]}
    if name == "lognormal":
        return {name: [factor * numbers[0], numbers[1], *(factor * x for x in numbers[2:])]}
    if name == "beta":
        return {name: [*numbers[:2], factor * numbers[2], factor * numbers[3]]}
    if name == "mixture":
        return {name: [scaled(_law(part), factor) | {"weight": part["weight"]} for part in numbers]}
    raise ValueError(f"multiplies a law by {factor:g}, which the law {name} does not allow")


def _law(part):
    """A part of a mixture without its weight."""
    return {key: value for key, value in part.items() if key != "weight"}


def moved(value):
    """Another law for the same parameter, within the same ends; None for one that stays as it is.

    What is drawn about 0 spreads half as far again; else the mean moves by half a standard deviation, and low values
    become more frequent where all were equally so.
    """
    name, numbers = next(iter(value.items()))
    about_0 = name in ("uniform", "normal", "truncnormal") and (
        numbers[0] == -numbers[1] if name == "uniform" else numbers[0] == 0
    )
    if about_0:
        return {name: [1.5 * x for x in numbers[:2]] + numbers[2:]}
    if name in ("normal", "truncnormal"):
        return {name: [numbers[0] + 0.5 * numbers[1], *numbers[1:]]}
    if name == "uniform":
        return {"beta": [1.0, 2.0, *numbers]}
    if name == "loguniform":
        return {"uniform": numbers}
    if name == "lognormal":
        return {name: [numbers[0] * 10 ** (0.5 * numbers[1]), *numbers[1:]]}
    if name == "beta":
        a, b = numbers[:2]
        return {name: [b, a, *numbers[2:]] if a != b else [a, 2 * b, *numbers[2:]]}
    return None
