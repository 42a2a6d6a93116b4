"""Names of parameters: which a profile has, and how those of several profiles are told apart."""


def parameter_names(component):
    """The drawn parameters of a profile of `schema`, e.g. theta_E, gamma, e1, ..."""
    return [name for name, field in type(component).model_fields.items() if "range" in field.json_schema_extra]


def plain_names(parameters, prefix=""):
    """A name for every parameter of several profiles, from one list of names per profile.

    The first profile to have a parameter gives it its plain name (theta_E); later ones add their number, from
    0 (theta_E_1).
    Returns: dict of name to (profile's number, parameter).
    """
    out = {}
    for k, names in enumerate(parameters):
        for name in names:
            plain = prefix + name
            out[plain if plain not in out else f"{plain}_{k}"] = (k, name)
    return out
