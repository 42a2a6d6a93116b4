"""Backbones: timm's, at any number of bands, with weights from a file."""

import pytest
import torch

from lenstream.configs.schema import Backbone
from lenstream.errors import ConfigError, DataError
from lenstream.ssl import checkpoint
from lenstream.ssl.backbones import make_network


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize(
    ("name", "options"),
    [("test_resnet", {}), ("resnet18", {}), ("vit_tiny_patch16_224", {"img_size": 32, "patch_size": 8})],
)
def test_features_have_the_promised_width(name, options, bands):
    network = make_network(Backbone(name=name, options=options), 0.02, bands).eval()
    assert network(torch.randn(2, bands, 32, 32)).shape == (2, network.num_features)


def test_the_stretch_is_in_units_of_the_noise():
    torch.manual_seed(0)
    a, b = (make_network(Backbone(), background) for background in (0.02, 2.0))
    b.load_state_dict(a.state_dict() | {"background": torch.tensor(2.0)})
    x = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(a.eval()(x * 0.02), b.eval()(x * 2.0))


def test_unknown_names_and_options_are_config_errors():
    with pytest.raises(ConfigError, match=r'"resnet81".*Did you mean'):
        make_network(Backbone(name="resnet81"), 1.0)
    with pytest.raises(ConfigError, match="timm cannot make test_resnet"):
        make_network(Backbone(options={"no_such_option": 1}), 1.0)


def test_weights_from_a_file(tmp_path):
    network = make_network(Backbone(), 0.02)
    path = tmp_path / "weights.safetensors"
    checkpoint.save(path, network.state_dict())
    again = make_network(Backbone(weights=str(path)), 0.5)
    for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(DataError, match="does not fit"):
        make_network(Backbone(name="resnet18", weights=str(path)), 0.02)
    with pytest.raises(DataError, match="cannot be read"):
        make_network(Backbone(weights=str(tmp_path / "none.safetensors")), 0.02)
