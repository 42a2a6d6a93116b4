"""Which simulations a fit has a model of."""

from ...errors import ConfigError


def why_not(simulation):
    """Sentences that say why estimates cannot be refined with a simulation (`configs.schema.Simulation`)."""
    for group in ("lens_mass", "source", "lens_light"):
        for k, component in enumerate(getattr(simulation, group)):
            if component.only is not None:
                yield f"simulate.{group}.{k}.only: estimates are refined where all systems have the same components"
    if simulation.observation.subtract_lens_light:
        yield (
            "simulate.observation.subtract_lens_light: what an imperfect subtraction left is in no model; estimates "
            "are refined with the light itself"
        )
    if not simulation.source:
        yield "simulate.source: estimates are refined with a source, got none"
    for k, component in enumerate(simulation.lens_light):
        if component.profile == "INTERPOL":
            yield f"simulate.lens_light.{k}.profile: estimates are refined with light of Sersic profiles, got INTERPOL"


def check_fittable(simulation):
    """Raises: ConfigError with all that `why_not` says."""
    problems = list(why_not(simulation))
    if problems:
        raise ConfigError(problems)
