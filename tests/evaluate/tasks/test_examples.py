"""Labelled images from files: the stream's lenses from a dataset of them, and any images with a table."""

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.evaluate.tasks.examples import Examples
from lenstream.evaluate.tasks.regression import make_regression
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SETTINGS = ["evaluate.n_labels=[20]", "evaluate.seeds=2", "evaluate.n_test=20"]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """The labelled and the test lenses of the recipe tiny, as two datasets: options of `evaluate.data`."""
    config, folder = load("tiny"), tmp_path_factory.mktemp("datasets")
    scene = make_scene(config.simulate, config.seed)
    for split, n in (("labelled", 40), ("test", 20)):
        write_archive(config, folder / split, describe(config, scene, "zarr", n, Views(1), split=split))
    return f"evaluate.data={{path: {folder}/labelled, test_path: {folder}/test}}"


def tasks(datasets):
    """The regression of a config on the stream, and on datasets."""
    configs = [load("tiny", SETTINGS), load("tiny", [*SETTINGS, datasets])]
    return [make_regression(config, make_scene(config.simulate, config.seed)) for config in configs]


def test_datasets_of_the_splits_give_what_the_stream_gives(datasets):
    stream, files = tasks(datasets)
    assert files.name == "regression on test"
    for arguments in (("labelled", 20), ("labelled", 20, 20), ("test", 20)):
        a, b = stream.labelled(*arguments), files.labelled(*arguments)
        assert torch.equal(a.images, b.images) and np.array_equal(a.indices, b.indices)
        assert a.true.keys() == b.true.keys() and all(torch.equal(a.true[t], b.true[t]) for t in a.true)


def test_the_limit_is_that_of_the_test_lenses(datasets):
    stream, files = tasks(datasets)
    bounds = [task.limit(task.labelled("test", 3), lambda done: None) for task in (stream, files)]
    for target, values in bounds[0].items():
        np.testing.assert_array_equal(values, bounds[1][target])
    of_image = ["evaluate.targets=[arc_snr]", "pretrain.encoders={s: {method: simsiam}}"]
    derived = make_regression(load("tiny", [*SETTINGS, datasets, *of_image]), None)
    assert derived.limit(derived.labelled("test", 3), None) == {}


def table(folder, n=50, more=""):
    """n images of noise whose level is the label b_SIE; options of a config without a simulation."""
    folder.mkdir()
    levels = np.linspace(1, 2, n)
    for k, level in enumerate(levels):
        np.save(folder / f"{k:03}.npy", np.random.default_rng(k).normal(0, level, (16, 16)).astype(np.float32))
    rows = "".join(f"{k:03}.npy,{level}\n" for k, level in enumerate(levels))
    (folder / "labels.csv").write_text(f"name,b_SIE\n{rows}")
    return levels


def classes(folder, counts, loose=0, seed=0):
    """Images in sub-folders, {class: how many}, whose level is the number of letters of the class, and some in none."""
    for name, n in counts.items():
        (folder / name).mkdir(parents=True)
        for k in range(n):
            noise = np.random.default_rng([seed, k]).normal(0, 0.01, (16, 16))
            np.save(folder / name / f"{k:03}.npy", (len(name) + noise).astype(np.float32))
    for k in range(loose):
        np.save(folder / f"loose{k}.npy", np.zeros((16, 16), np.float32))
    return folder


def config_of(folder, *more):
    data = [f"pretrain.data={{path: {folder}}}", f"evaluate.data={{path: {folder}}}", "simulate=null"]
    one = ["pretrain.encoders={s: {method: simsiam}}", "evaluate.targets=[b_SIE]"]
    return load("tiny", [*SETTINGS, *data, *one, *more])


def test_images_with_a_table_need_no_simulation(tmp_path):
    levels = table(tmp_path / "images")
    examples = Examples(config_of(tmp_path / "images"))
    learnt, judged = examples.labelled("labelled", 40), examples.labelled("test", 10)
    numbers = [*learnt.indices.tolist(), *judged.indices.tolist()]
    assert sorted(numbers) == list(range(50)) and numbers != list(range(50))
    assert (examples.count("labelled"), examples.count("test"), examples.shape) == (40, 10, (1, 16))
    np.testing.assert_allclose(judged.true["b_SIE"], levels[judged.indices.astype(int)], rtol=1e-6)
    np.testing.assert_allclose(learnt.images.std((1, 2, 3)), learnt.true["b_SIE"], rtol=0.3)
    assert Examples(config_of(tmp_path / "images", "seed=9")).labelled("test", 10).indices.tolist() != numbers[40:]
    assert torch.equal(examples.labelled("labelled", 20, 20).images, learnt.images[20:])
    assert examples.scene is None and not examples.has_limit()
    with pytest.raises(DataError, match="has 10 test images, 11 are asked for"):
        examples.labelled("test", 11)


def test_a_label_that_is_not_there(tmp_path):
    table(tmp_path / "images")
    with pytest.raises(DataError, match=r'evaluate\.targets: no label "b_SI" in .*, which has b_SIE\. Did you mean'):
        Examples(config_of(tmp_path / "images", "evaluate.targets=[b_SI]"))


def test_images_are_cut_as_those_to_train_on(tmp_path):
    table(tmp_path / "images")
    cut = f"pretrain.data={{path: {tmp_path}/images, size: 12}}"
    whole, small = (Examples(config_of(tmp_path / "images", *more)) for more in ([], [cut]))
    assert (whole.shape, small.shape) == ((1, 16), (1, 12))
    expected = whole.labelled("test", 3).images[..., 2:14, 2:14]
    assert torch.equal(small.labelled("test", 3).images, expected)


def test_the_key_of_images_that_are_not_square_is_named(tmp_path):
    table(tmp_path / "images")
    table(tmp_path / "wide")
    for path in (tmp_path / "wide").glob("*.npy"):
        np.save(path, np.ones((16, 18)))
    for key in ("path", "test_path"):
        data = {"path": f"{tmp_path}/images", key: f"{tmp_path}/wide"}
        said = ", ".join(f"{name}: {path}" for name, path in data.items())
        with pytest.raises(DataError, match=rf"^evaluate\.data\.{key}: images of 16 x 18 pixels"):
            Examples(config_of(tmp_path / "images", f"evaluate.data={{{said}}}"))


def within(folder, key):
    """A config that judges by a part of the images that it learns from."""
    return config_of(folder, f"evaluate.data={{path: {folder}, test_path: {folder}/{key}}}")


@pytest.mark.parametrize("part", ["test", "held"])
def test_what_is_judged_by_is_not_learnt_from(tmp_path, part):
    """40 images, of which 10 lie in a folder of their own."""
    folder = tmp_path / "images"
    table(folder, 40)
    (folder / part).mkdir()
    for k in range(10, 20):
        (folder / f"{k:03}.npy").rename(folder / part / f"{k:03}.npy")
    (folder / part / "labels.csv").write_text("name,b_SIE\n" + "".join(f"{k:03},{k}\n" for k in range(10, 20)))
    examples = Examples(within(folder, part))
    learnt = examples.labelled("labelled", 30)
    assert sorted(learnt.true["b_SIE"].tolist()) == pytest.approx(
        np.delete(np.linspace(1, 2, 40), np.arange(10, 20)).tolist(), rel=1e-6
    )
    assert (examples.count("labelled"), examples.count("test")) == (30, 10)


def test_images_are_not_judged_by_themselves(tmp_path):
    table(tmp_path / "images")
    for path in ("", ".."):
        with pytest.raises(DataError, match=r"evaluate\.data\.test_path: .* holds the images of evaluate\.data\.path"):
            Examples(within(tmp_path / "images", path))


def test_images_without_a_value_are_left_out(tmp_path, capsys):
    """-1 is no class."""
    folder = classes(tmp_path / "images", {"a": 30, "bb": 30}, loose=15)
    examples = Examples(config_of(folder, "evaluate.targets=[class]"))
    learnt, judged = (examples.labelled(split, examples.count(split)) for split in ("labelled", "test"))
    assert len(learnt.indices) + len(judged.indices) == 60
    for part in (learnt, judged):
        assert set(part.true["class"].tolist()) == {0, 1}
        np.testing.assert_allclose(part.images.mean((1, 2, 3)), part.true["class"] + 1, atol=0.02)
    said = capsys.readouterr().err
    assert f"15 of 75 images of {folder} have no class, and are left out" in " ".join(said.split())


def test_classes_are_the_same_by_name_in_a_test_set(tmp_path):
    learnt = classes(tmp_path / "learnt", {"a": 20, "bb": 20, "ccc": 20})
    judged = classes(tmp_path / "judged", {"ccc": 20, "bb": 10}, loose=1, seed=1)
    data = f"evaluate.data={{path: {learnt}, test_path: {judged}}}"
    examples = Examples(config_of(learnt, data, "evaluate.targets=[class]"))
    test = examples.labelled("test", 30)
    np.testing.assert_allclose(test.images.mean((1, 2, 3)), test.true["class"] + 1, atol=0.02)
    assert sorted(examples.values("test", 30)["class"].tolist()) == [1] * 10 + [2] * 20
    classes(judged, {"dddd": 1}, seed=1)
    with pytest.raises(
        DataError, match=r'the class "dddd" of .*judged is none of those to learn from; expected some of a, bb'
    ):
        Examples(config_of(learnt, data, "evaluate.targets=[class]"))
