"""Which heads an evaluation trains: a unit for every encoder, protocol, seed and number of labels."""

from .kept_heads import PROJECTION
from .results import FINETUNED, RANDOM, STREAM, SUPERVISED
from .scored import Unit


def units_of(settings, n_labels, encoders, data):
    """The `scored.Unit`s of an evaluation, in the order in which they are trained.

    Args: settings: `configs.evaluation.Evaluate`. n_labels: numbers of labels. encoders: names, with that of random
    weights. data: `training_heads.Data`.
    """
    units = []
    for protocol in settings.protocols:
        for encoder in data.projected if protocol == PROJECTION else encoders:
            name = SUPERVISED if encoder == RANDOM and protocol in FINETUNED else encoder
            units += [Unit(name, protocol, n, seed) for seed in range(settings.seeds) for n in n_labels]
    return units + _baselines(settings, n_labels) + [Unit(name, STREAM, 0, 0) for name in data.heads]


def _baselines(settings, n_labels):
    """The trainings from scratch of further networks."""
    seeds = range(settings.seeds)
    how = [protocol for protocol in FINETUNED if protocol in settings.protocols] or FINETUNED[:1]
    rows = [(name, protocol) for name in settings.supervised for protocol in how]
    return [Unit(name, protocol, n, seed) for name, protocol in rows for seed in seeds for n in n_labels]
