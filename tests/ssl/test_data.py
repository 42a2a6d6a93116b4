"""Where a training's images come from: which systems of the stream a step sees, on which rank."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.evaluate.tasks.regression import make_regression
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.draw import class_numbers
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene
from lenstream.ssl.batch_order import indices_at
from lenstream.ssl.data import N_MEASURED, image_facts, of_classes, open_data, open_images, training_scene
from lenstream.ssl.launch import make_fabric
from lenstream.ssl.probe import make_probe
from lenstream.ssl.trainer import Training
from lenstream.ssl.untrained import make_encoder
from lenstream.ssl.views import physics

from ..every_layout import fits_with_table, split_pickles


@pytest.fixture(scope="module")
def tiny():
    config = load("tiny")
    return config, make_scene(config.simulate, config.seed)


def batch_of(config, scene, step, rank=0, world=1, name="lensiam"):
    """The first batch of a training that goes on at `step`."""
    fabric = SimpleNamespace(global_rank=rank, world_size=world, device=torch.device("cpu"))
    with open_data(config, name, scene, 2, step, fabric) as data:
        return next(data)


def test_a_step_sees_the_systems_whose_turn_it_is(tiny):
    config, scene = tiny
    assert batch_of(config, scene, 0).indices.tolist() == list(range(16))
    batch = batch_of(config, scene, 3)
    assert batch.indices.tolist() == list(range(48, 64))
    assert batch.images.shape == (16, 2, 1, 32, 32)


def test_a_long_training_stays_below_the_labelled_and_the_test_lenses(tiny):
    config, scene = tiny
    last = (1 << 40) // 16 - 1
    assert batch_of(config, scene, last).indices.max() < 1 << 40


def test_ranks_share_a_batch(tiny):
    config, scene = tiny
    halves = [batch_of(config, scene, 3, rank, 2).indices.tolist() for rank in (0, 1)]
    assert halves == [list(range(48, 56)), list(range(56, 64))]


def test_encoders_are_trained_on_the_classes_that_are_named():
    classes = ["simulate.classes={a: 2, b: 1, never: 0, c: 1}", "simulate.lens_mass.0.only=[b]", "evaluate=null"]
    classes += ["pretrain.encoders.stream_supervised=null"]
    config = load("tiny", [*classes, "pretrain.classes=[b, c]", "pretrain.batch_size=512"])
    scene = make_scene(config.simulate, config.seed)
    frequencies = np.array(of_classes(scene, ["b", "c"]).config.drawn_classes())
    assert list(frequencies) == ["b", "c"] and of_classes(scene, None) is scene
    numbers = class_numbers(of_classes(scene, config.pretrain.classes), np.arange(512, dtype=np.uint64))
    assert set(numbers) == {1, 3} and 200 < (numbers == 1).sum() < 312
    few = config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"batch_size": 16})})
    batch, plain = (batch_of(c, scene, 0) for c in (few, load("tiny", [*classes])))
    was_b = class_numbers(scene, batch.indices) == 1
    assert 0 < was_b.sum() < 16
    for k in range(16):  # only b has a lens: what is of the class anyway stays as it is
        assert torch.equal(batch.images[k], plain.images[k]) == (was_b[k] == (numbers[k] == 1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["pretrain.classes=[x]"], 'pretrain.classes: no class "x" is drawn, expected some of a, b'),
        (["pretrain.classes=[never]"], 'no class "never" is drawn'),
        (["pretrain.classes=[a]"], "supervised learns to tell classes apart"),
        (["pretrain.classes=[a]", "pretrain.data={path: x}"], "only streams of a simulation with classes have some"),
    ],
)
def test_classes_to_train_on_that_are_not_there_are_refused(changes, said):
    drawn = ["simulate.classes={a: 2, b: 1, never: 0}", "evaluate={task: classification}"]
    with pytest.raises(ConfigError) as raised:
        load("tiny", [*drawn, *changes])
    assert said in str(raised.value)


def test_every_encoder_gets_the_views_that_it_asks_for(tiny):
    config, scene = tiny
    assert batch_of(config, scene, 0).images.shape[1] == 2
    assert batch_of(config, scene, 0, name="simsiam").images.shape[1] == 1  # it augments one image


def test_a_folder_goes_on_where_a_training_stopped(tmp_path, tiny):
    for k in range(40):
        np.save(tmp_path / f"{k:02}.npy", np.random.default_rng(k).normal(k, 1, (16, 16)).astype(np.float32))
    only = "pretrain.encoders={simsiam: {method: simsiam, hidden_dim: 32}}"
    config = load("tiny", [f"pretrain.data={{path: {tmp_path}}}", "pretrain.batch_size=8", only])
    order = indices_at(config.seed, np.arange(48), 40)
    for step in (0, 3, 5):
        batch = batch_of(config, tiny[1], step, name="simsiam")
        assert batch.indices.tolist() == order[8 * step : 8 * step + 8].tolist()
        np.testing.assert_allclose(batch.images.mean((1, 2, 3, 4)), batch.indices, atol=0.5)


def test_statistics_are_those_of_the_first_labelled_lenses(tiny):
    config = load("tiny", ["pretrain.backbone.normalize=zscore"])
    labelled = np.arange(N_MEASURED, dtype=np.uint64) + np.uint64(FIRST_INDEX["labelled"])
    images = simulate(tiny[1], labelled).images.numpy()[:, 0]
    found, _, _ = image_facts(config, "lensiam", tiny[1])
    np.testing.assert_allclose([found.mean[0], found.std[0]], [images.mean(), images.std()], rtol=1e-4)


def test_the_noise_of_a_network_is_the_instruments(tiny):
    config, scene = tiny
    statistics, bands, num_pix = image_facts(config, "lensiam", scene)
    np.testing.assert_allclose(statistics.noise, 0.02)
    assert (bands, num_pix) == (1, 32)


def test_statistics_of_binned_images_are_those_of_their_means(tiny):
    """The noise of a mean of 2 x 2 pixels is half of theirs; the spread of bright pixels is measured on the means."""
    config = load("tiny", ["pretrain.backbone.bin=2"])
    found, bands, num_pix = image_facts(config, "lensiam", tiny[1])
    np.testing.assert_allclose(found.noise, 0.01)
    assert (bands, num_pix) == (1, 32)
    config = load("tiny", ["pretrain.backbone={bin: 2, normalize: zscore}"])
    labelled = np.arange(N_MEASURED, dtype=np.uint64) + np.uint64(FIRST_INDEX["labelled"])
    means = simulate(tiny[1], labelled).images.numpy()[:, 0].reshape(-1, 16, 2, 16, 2).mean((2, 4))
    found, _, _ = image_facts(config, "lensiam", tiny[1])
    np.testing.assert_allclose([found.mean[0], found.std[0]], [means.mean(), means.std()], rtol=1e-4)


def test_statistics_of_binned_images_in_files(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(8):
        np.save(tmp_path / f"{k}.npy", rng.normal(3, 1, size=(16, 16)))
    options = [f"pretrain.data.path={tmp_path}", "pretrain.batch_size=8", "evaluate=null"]
    options += ["pretrain.encoders={simsiam: {method: simsiam}}"]
    one, two = (load("tiny", [*options, f"pretrain.backbone={{bin: {n}, normalize: zscore}}"]) for n in (1, 2))
    one, two = (image_facts(config, "simsiam", None)[0] for config in (one, two))
    np.testing.assert_allclose(two.mean, one.mean, rtol=1e-5)
    np.testing.assert_allclose(two.std, one.std / 2, rtol=0.15)
    np.testing.assert_allclose(two.noise, one.noise / 2, rtol=0.15)


def test_an_encoder_with_a_network_of_its_own_gets_statistics_for_it(tiny):
    """zscore needs the mean and spread of bright pixels too, so images are looked at."""
    config = load("tiny", ["pretrain.encoders.lensiam.backbone={name: test_resnet, normalize: zscore}"])
    measured, _, _ = image_facts(config, "lensiam", tiny[1])
    told, _, _ = image_facts(config, "simsiam", tiny[1])
    assert measured.std[0] > 1.2 * measured.noise[0] > 0
    assert measured.mean[0] > 0 and told.mean[0] == 0


TWO_GRIDS = (
    "simulate.bands={r: {}, i: {background_noise: 0.01, image: {pixel_scale: 0.3}}, z: {image: {pixel_scale: 0.3}}}"
)


def test_a_training_sees_the_bands_of_one_pixel_grid():
    config = load("tiny", [TWO_GRIDS, "pretrain.bands=[z, i]"])
    scene = make_scene(config.simulate, config.seed)
    seen = training_scene(config, scene)
    assert training_scene(config, seen) is seen
    statistics, bands, num_pix = image_facts(config, "lensiam", seen)
    np.testing.assert_allclose(statistics.noise, [0.02, 0.01])
    assert (bands, num_pix) == (2, 16)
    batch = batch_of(config, seen, 3)
    assert batch.images.shape == (16, 2, 2, 16, 16)
    whole = simulate(scene, np.arange(48, 64), physics(config.pretrain.encoders["lensiam"], 2)).images
    assert torch.equal(batch.images, whole[1].flip(2))


def test_a_training_has_to_say_which_of_several_grids_it_sees():
    config = load("tiny", [TWO_GRIDS])
    scene = make_scene(config.simulate, config.seed)
    with pytest.raises(ConfigError, match=r"pretrain\.bands: missing, .* 2 pixel grids .* one, e\.g\. \[r\]$"):
        training_scene(config, scene)
    with pytest.raises(ConfigError, match=r"^pretrain\.bands: r and z lie on several pixel grids"):
        training_scene(load("tiny", [TWO_GRIDS, "pretrain.bands=[r, z]"]), scene)
    plain = load("tiny", ["simulate.bands={r: {}, i: {}}"])
    together = make_scene(plain.simulate, 1)
    assert training_scene(plain, together) is together


def test_every_part_of_an_experiment_sees_the_same_bands():
    """Networks, probe, labelled lenses and limit, whichever scene they are given."""
    config = load("tiny", [TWO_GRIDS, "pretrain.bands=[z]", "pretrain.probe_every=2"])
    scene = make_scene(config.simulate, config.seed)
    assert make_encoder(config, "lensiam", scene)(torch.zeros(2, 1, 16, 16)).ndim == 2
    task = make_regression(config, scene)
    assert list(task.scene.bands) == ["z"] and task.labelled("test", 3).images.shape == (3, 1, 16, 16)
    training = Training(config, "lensiam", scene, "unused", make_fabric(config.pretrain))
    assert make_probe(config, training.scene).images.shape[1:] == (1, 16, 16)


def test_lists_and_tables_beside_images_are_not_said_to_be_left_out(tmp_path):
    split_pickles(tmp_path / "a")
    opened = open_images(load("tiny", [f"pretrain.data.path={tmp_path / 'a'}"]))
    (said,) = [note for note in opened.notes if ".pkl" in note]
    assert said.startswith("splits by ") and said.endswith(": test 40, train 70, validation 10; all are trained on")
    fits_with_table(tmp_path / "b")
    (tmp_path / "b" / "notes.md").touch()
    notes = open_images(load("tiny", [f"pretrain.data.path={tmp_path / 'b'}"])).notes
    assert "labels by labels.csv, by its column name" in notes
    assert [note for note in notes if "left out" in note] == ["left out, as they are no images: 1 .md"]
