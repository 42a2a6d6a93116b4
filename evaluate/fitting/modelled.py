"""Which simulations a fit can model."""


def unmodelled(simulation):
    """What of a `configs.schema.Simulation` the fits do not model, in words; None if they model all of it."""
    if [component.profile for component in simulation.source] != ["INTERPOL"]:
        found = ", ".join(component.profile for component in simulation.source) or "none"
        return f"one INTERPOL source (a catalogue of galaxy images) is modelled, not {found}"
    if simulation.lens_light:
        return "lens light is not modelled"
    if simulation.bands:
        return "images in several bands are not modelled"
    return None
