"""Encoders loaded by the folder of their run: the features of the evaluation, what they refuse, their card, timm."""

import copy
import json
import pickle
import re

import numpy as np
import pytest
import timm
import torch

from lenstream import load_encoder
from lenstream.configs.load import load
from lenstream.errors import ArgumentError, DataError
from lenstream.runs import RunFolder, begin
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint
from lenstream.ssl.backbones import load_weights
from lenstream.ssl.data import training_scene
from lenstream.ssl.probe import features_of
from lenstream.ssl.training_files import ENCODER
from lenstream.ssl.untrained import make_encoder

VIT = "{name: vit_tiny_patch16_224, options: {patch_size: 8, embed_dim: 48, depth: 2, num_heads: 3}}"
SIZE_30 = ["simulate.image.num_pix=30", f"pretrain.backbone={VIT}"]  # of which patches of 8 pixels reach beyond
BINNED = ["simulate.image.num_pix=48", "pretrain.backbone.bin=2", "pretrain.backbone.normalize=asinh_peak"]
BINNED_VIT = [*BINNED, f"pretrain.backbone={VIT[:-1]}, bin: 2, normalize: asinh_peak}}"]
BANDS = ["simulate.bands={r: {}, g: {background_noise: 0.05}}", "pretrain.backbone.normalize=zscore"]


def run_of(folder, *overrides, names=("lensiam", "simsiam")):
    """A run whose encoders have other weights than those they begin with, as if trained: config, scene, folder."""
    config = load("tiny", overrides)
    scene, run = make_scene(config), RunFolder(folder)
    begin(run, config)
    for name in names:
        network = make_encoder(config, name, scene)
        generator = torch.Generator().manual_seed(len(name))
        tensors = {k: v for k, v in network.state_dict().items()}
        for key, value in tensors.items():
            if value.is_floating_point() and key.startswith("backbone."):
                tensors[key] = value + 0.01 * torch.rand(value.shape, generator=generator)
        run.encoder(name).mkdir(parents=True)
        checkpoint.save(run.encoder(name) / ENCODER, tensors, method=name, steps=6)
    return config, scene, folder


def images_of(config, scene, n=6):
    return simulate(training_scene(config, scene), np.arange(n)).images[:, 0]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.mark.parametrize("overrides", [[], SIZE_30, BANDS, BINNED, BINNED_VIT, ["pretrain.backbone.stem=small"]])
def test_features_are_those_of_the_evaluation(tmp_path, overrides):
    config, scene, folder = run_of(tmp_path / "run", *overrides, names=["lensiam"])
    network = make_encoder(config, "lensiam", scene)
    load_weights(network, RunFolder(folder).encoder("lensiam") / ENCODER)
    images = images_of(config, scene)
    images[0, 0, :3, :3] = torch.nan
    expected = features_of(network.to(memory_format=torch.channels_last), images)
    encoder = load_encoder(folder, "lensiam")
    assert not encoder.training
    with torch.no_grad():
        found = encoder(images)
    np.testing.assert_array_equal(found.numpy(), expected)
    assert found.shape == (6, encoder.num_features) and bool(found.isfinite().all()) and float(found.std()) > 0


def test_each_name_has_its_own_weights_and_the_callers_random_numbers_stay(tiny):
    config, scene, folder = tiny
    images = images_of(config, scene)
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    first, second = load_encoder(folder, "lensiam"), load_encoder(str(folder), "simsiam")
    assert torch.equal(torch.rand(3), expected)
    assert not torch.equal(first(images), second(images))
    assert torch.equal(first(images), load_encoder(folder, "lensiam")(images))


def test_the_card_says_what_it_is(tiny):
    _, _, folder = tiny
    card = load_encoder(folder, "simsiam").card
    assert (card.name, card.backbone, card.method, card.steps, card.batch_size) == (
        "simsiam",
        "test_resnet",
        "simsiam",
        6,
        16,
    )
    assert (card.bands, card.num_pix, card.pixel_scale, card.units) == (("",), 32, 0.15, "counts/s per pixel")
    assert card.normalisation["scaling"] == "asinh" and card.normalisation["noise"] == pytest.approx([0.02])
    assert (card.recipe, card.seed, card.views, card.redraw) == ("tiny", 3, "augment", ())
    assert load_encoder(folder, "lensiam").card.redraw == ("source", "noise")
    assert "EPL + SHEAR" in card.data and "SERSIC_ELLIPSE" in card.data and card.versions["torch"]
    text = repr(load_encoder(folder, "simsiam"))
    assert text == str(card) and "32 x 32 pixels" in text and "test_resnet" in text and len(text.splitlines()) == 7


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(2, 2, 32, 32), r"images: expected \(n, 1, 32, 32\) for lensiam, got \(2, 2, 32, 32\)"),
        (torch.zeros(2, 1, 31, 32), r"expected \(n, 1, 32, 32\)"),
        (torch.zeros(2, 32, 32), r"expected \(n, 1, 32, 32\)"),
        (torch.zeros(2, 1, 32, 32, dtype=torch.complex64), "expected real numbers in counts/s per pixel"),
        (torch.zeros(2, 1, 32, 32, device="meta"), "the encoder is on cpu and they are on meta"),
        (np.zeros((2, 1, 32, 32)), "torch.from_numpy makes one"),
        (None, "expected a tensor"),
    ],
)
def test_images_that_do_not_fit_are_one_sentence(tiny, images, said):
    with pytest.raises(ArgumentError, match=said) as caught:
        load_encoder(tiny[2], "lensiam")(images)
    assert "\n" not in str(caught.value)


def test_whole_numbers_and_an_empty_batch_are_images(tiny):
    encoder = load_encoder(tiny[2], "lensiam")
    counts = torch.randint(0, 9, (2, 1, 32, 32))
    assert torch.equal(encoder(counts), encoder(counts.float())) and torch.equal(
        encoder(counts.double()), encoder(counts)
    )
    assert encoder(torch.zeros(0, 1, 32, 32)).shape == (0, encoder.num_features)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lensaim", "has no encoder 'lensaim', expected one of lensiam, .*Did you mean \"lensiam\"?"),
        (None, "has several encoders, expected one of lensiam, simsiam"),
        (3, "has no encoder 3"),
        ("lensimclr", "not there, as lensimclr is not trained yet"),
    ],
)
def test_names_that_are_none(tiny, name, said):
    with pytest.raises((ArgumentError, DataError), match=said):
        load_encoder(tiny[2], name)


def test_the_only_encoder_needs_no_name(tmp_path):
    *_, folder = run_of(
        tmp_path / "run",
        *(f"pretrain.encoders.{n}=null" for n in ("simsiam", "lensimclr", "stream_supervised")),
        names=["lensiam"],
    )
    assert load_encoder(folder).card.name == "lensiam"


def test_what_is_no_run(tmp_path):
    (tmp_path / "file").touch()
    for given, said in (
        ("absent", "no such folder"),
        ("", "no config.yaml"),
        ("file", "it is a file"),
        ("x" * 999, "too long"),
    ):
        with pytest.raises(DataError, match=said):
            load_encoder(tmp_path / given, "lensiam")
    with pytest.raises(ArgumentError, match="run: expected the folder of a run"):
        load_encoder(None)


def test_damaged_weights_are_refused(tmp_path):
    *_, folder = run_of(tmp_path / "run", names=["lensiam"])
    path = RunFolder(folder).encoder("lensiam") / ENCODER
    data = path.read_bytes()
    for damaged in (b"", data[:1000], data[:-100], b"x" * 5000):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=ENCODER):
            load_encoder(folder, "lensiam")
    checkpoint.save(path, {"backbone.conv1.weight": torch.zeros(3)})
    with pytest.raises(DataError, match="expected the weights of an encoder"):
        load_encoder(folder, "lensiam")
    tensors = {"backbone.conv1.weight": torch.zeros(3), "normalize.noise": torch.ones(1, 1, 1, 1)}
    checkpoint.save(path, tensors)
    with pytest.raises(DataError, match="does not fit the backbone"):
        load_encoder(folder, "lensiam")


def test_neither_psf_files_nor_galaxies_are_needed(tmp_path):
    """A run that is moved to another machine, where only its folder is."""
    kernel = tmp_path / "psf.npy"
    np.save(kernel, np.ones((5, 5)) / 25)
    psf = f"simulate.observation.psf={{kind: pixel, file: {kernel}}}"
    weights = tmp_path / "start.safetensors"
    checkpoint.save(weights, make_encoder(load("tiny"), "lensiam", make_scene("tiny")).state_dict())
    *_, folder = run_of(tmp_path / "run", psf, f"pretrain.backbone.weights={weights}", names=["lensiam"])
    kernel.unlink()
    weights.unlink()
    assert load_encoder(folder, "lensiam").card.num_pix == 32


def test_an_encoder_of_a_folder_of_images(tmp_path):
    (tmp_path / "images").mkdir()
    for k in range(24):
        np.save(tmp_path / "images" / f"{k}.npy", np.random.default_rng(k).normal(size=(32, 32)).astype("f4"))
    *_, folder = run_of(
        tmp_path / "run",
        f"pretrain.data={{path: {tmp_path / 'images'}}}",
        "evaluate=null",
        *(f"pretrain.encoders.{n}=null" for n in ("lensiam", "lensimclr", "stream_supervised")),
        names=["simsiam"],
    )
    card = load_encoder(folder, "simsiam").card
    assert (card.num_pix, card.pixel_scale, card.bands, card.redraw) == (32, None, ("",), ())
    assert str(tmp_path / "images") in card.data and "an unknown scale" in str(card)
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    encoder = load_encoder(folder, "simsiam")
    assert encoder.card.num_pix is None and encoder(torch.zeros(1, 1, 40, 40)).shape[0] == 1


def test_copies_and_pickles_have_the_same_features(tiny):
    config, scene, folder = tiny
    encoder, images = load_encoder(folder, "lensiam"), images_of(config, scene)
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert torch.equal(other(images), encoder(images)) and other.card == encoder.card


@pytest.mark.parametrize("overrides", [SIZE_30, BANDS, BINNED, BINNED_VIT])
def test_timm_takes_the_backbone(tmp_path, overrides):
    config, scene, folder = run_of(tmp_path / "run", *overrides, names=["lensiam"])
    encoder, images = load_encoder(folder, "lensiam"), images_of(config, scene)
    weights = encoder.to_timm(tmp_path / "out" / "model")
    facts = json.loads(weights.with_name("config.json").read_text())
    assert facts["architecture"] == encoder.card.backbone and facts["lenstream"]["bands"] == list(encoder.card.bands)
    by_name = timm.create_model(
        encoder.card.backbone, pretrained=False, checkpoint_path=str(weights), **facts["model_args"]
    )
    by_folder = timm.create_model(f"local-dir:{weights.parent}", pretrained=True)
    for model in (by_name, by_folder):
        assert model.num_classes == 0
        features = model.to(memory_format=torch.channels_last).eval()(encoder.normalize(images))
        torch.testing.assert_close(features, encoder(images), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("overrides", [BANDS, BINNED])
def test_what_the_card_for_timm_says_are_the_encoders_features(tmp_path, overrides):
    config, scene, folder = run_of(tmp_path / "run", *overrides, names=["lensiam"])
    encoder, images = load_encoder(folder, "lensiam"), images_of(config, scene)
    text = encoder.to_timm(tmp_path / "out").with_name("README.md").read_text()
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1].replace("FOLDER", str(tmp_path / "out"))
    names = {"given": images}
    exec(re.sub(r"torch\.zeros\(.*?\)", "given", block), names)
    torch.testing.assert_close(names["features"], encoder(images), rtol=1e-4, atol=1e-5)


def test_the_card_says_that_images_are_binned(tmp_path):
    *_, folder = run_of(tmp_path / "run", *BINNED, names=["lensiam"])
    card = load_encoder(folder, "lensiam").card
    assert card.normalisation["bin"] == 2 and card.num_pix == 48
    assert "means of 2 x 2 pixels, then asinh_peak, inside" in str(card)


def test_a_file_for_timm_has_its_config_beside_it(tiny, tmp_path):
    encoder = load_encoder(tiny[2], "lensiam")
    assert encoder.to_timm(tmp_path / "mine.safetensors") == tmp_path / "mine.safetensors"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.json", "mine.safetensors"]
    with pytest.raises(DataError, match="cannot be written"):
        encoder.to_timm(tmp_path / "mine.json" / "below")


def test_a_small_stem_is_none_of_timms(tmp_path):
    *_, folder = run_of(tmp_path / "run", "pretrain.backbone.stem=small", names=["lensiam"])
    with pytest.raises(ArgumentError, match="timm has no test_resnet with the stem small; expected an encoder of"):
        load_encoder(folder, "lensiam").to_timm(tmp_path / "out")
