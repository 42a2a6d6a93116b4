"""The networks that trainings begin with."""

import torch

from lenstream.ssl.untrained import make_encoder, make_method


def test_an_encoder_starts_with_the_weights_that_its_method_starts_with(tiny):
    config, scene = tiny
    encoder = make_encoder(config, "lensiam", scene).state_dict()
    inside = make_method(config, "lensiam", scene).network.state_dict()
    assert all(torch.equal(encoder[k], inside[k]) for k in encoder)
    other = make_encoder(config, "simsiam", scene).state_dict()
    assert any(not torch.equal(encoder[k], other[k]) for k in encoder)
