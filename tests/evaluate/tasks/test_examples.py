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

from .own_images import config_of as of_own
from .own_images import rings

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
    assert bounds[0].keys() == bounds[1].keys() == {"cramer-rao"}
    for target, values in bounds[0]["cramer-rao"].items():
        np.testing.assert_array_equal(values, bounds[1]["cramer-rao"][target])
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


CLASSIFICATION = ["evaluate.task=classification", "evaluate.protocols=[knn]"]


def own(data, *more):
    return Examples(of_own(data, *more))


def test_each_seed_draws_its_own_labels_and_fewer_are_the_first_of_them(tmp_path):
    examples = own(f"path: {rings(tmp_path / 'mine')}")
    few, more, other = examples.pool(10, 0), examples.pool(30, 0), examples.pool(30, 1)
    assert few.indices.tolist() == more.indices[:10].tolist() and torch.equal(few.images, more.images[:10])
    assert set(more.indices.tolist()) != set(other.indices.tolist())
    everything = [set(examples.pool(48, seed).indices.tolist()) for seed in range(3)]
    assert everything[0] == everything[1] == everything[2] == set(examples.numbers("labelled").tolist())
    assert not everything[0] & set(examples.labelled("test", 12).indices.tolist())
    levels = more.images.mean((1, 2, 3)).numpy()
    np.testing.assert_allclose(levels, more.true["theta"], atol=0.05)
    with pytest.raises(DataError, match="has 48 labelled images, 49 are asked for"):
        examples.pool(49, 0)


def test_labels_of_a_classification_hold_the_classes_evenly(tmp_path):
    """A third are discs; numbers are int64, among the sorted names."""
    examples = own(f"path: {rings(tmp_path / 'mine')}", *CLASSIFICATION, "evaluate.targets=[kind]")
    assert examples.classes == ("disc", "ring")
    for seed in range(5):
        pool = examples.pool(30, seed)
        assert pool.true["kind"].dtype == torch.int64
        assert [(pool.true["kind"][:n] == 0).sum().item() for n in (15, 30)] == [5, 10]
        assert np.array_equal(pool.true["kind"].numpy() == 0, pool.indices % 3 == 0)


def test_a_few_of_the_tests_hold_the_classes_evenly(tmp_path):
    """Images lie class by class, of which some tests in the order of their names would hold the first alone."""
    folder = classes(tmp_path / "mine", {"lens": 40, "galaxy": 20})
    examples = own(f"path: {folder}, split: {{test: 0.5}}", *CLASSIFICATION, "evaluate.targets=[class]")
    assert examples.classes == ("galaxy", "lens")
    kinds = examples.labelled("test", 30).true["class"]
    assert [(kinds[:n] == 0).sum().item() for n in (6, 15, 30)] == [2, 5, 10]


def test_amounts_are_of_the_images_in_files(tmp_path):
    config = of_own(f"path: {rings(tmp_path / 'mine')}", "evaluate.n_labels=[12, 0.25, 0.5, all, 48]")
    assert Examples(config).amounts(config.evaluate) == ([12, 24, 48], 12)
    config = of_own(f"path: {tmp_path / 'mine'}", "evaluate.n_test=20")
    assert Examples(config).amounts(config.evaluate).n_test == 20


def test_a_validation_part(tmp_path):
    examples = own(f"path: {rings(tmp_path / 'mine')}, split: {{validation: 0.1}}")
    held = examples.labelled("validation", 6)
    assert examples.count("validation") == 6 and len(held.images) == 6
    assert not set(held.indices.tolist()) & set(examples.pool(42, 0).indices.tolist())
    assert own(f"path: {tmp_path / 'mine'}").count("validation") == 0


def test_learn_from_simulations_and_be_judged_by_files(tmp_path, datasets):
    """The images are cut to those of the simulation."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for k in range(30):
        np.save(folder / f"{k}.npy", np.random.default_rng(k).normal(0, 1, (40, 40)).astype(np.float32))
    (folder / "labels.csv").write_text("name,theta_E\n" + "".join(f"{k},{1 + k / 30}\n" for k in range(30)))
    config = load(
        "tiny", [f"evaluate.data={{test_path: {folder}}}", "evaluate.targets=[theta_E]", "evaluate.n_test=all"]
    )
    task = make_regression(config, make_scene(config.simulate, config.seed))
    stream = make_regression(load("tiny", ["evaluate.targets=[theta_E]"]), make_scene(config.simulate, config.seed))
    for split in ("labelled", "validation"):
        one, other = task.labelled(split, 5, 3), stream.labelled(split, 5, 3)
        assert torch.equal(one.images, other.images) and torch.equal(one.true["theta_E"], other.true["theta_E"])
    assert np.array_equal(task.examples.pool(4, 2).indices, stream.labelled("labelled", 4, 8).indices)
    assert task.examples.amounts(config.evaluate) == (config.evaluate.n_labels, 30)
    test = task.labelled("test", 30)
    assert test.images.shape == (30, 1, 32, 32) and task.name == "regression on mine" and task.limit(test, None) == {}
    whole = np.load(folder / task.examples.judged.name_of(int(test.indices[0])))
    np.testing.assert_array_equal(test.images[0, 0], whole[4:36, 4:36])
    assert task.examples.learnt is None and task.examples.count("labelled") > 10**9


def test_learn_from_files_and_be_judged_by_simulations(tmp_path, datasets):
    data = datasets.split(", test_path")[0] + "}"
    config = load("tiny", [*SETTINGS, data, "evaluate.judged_on=simulated", "evaluate.n_test=20"])
    scene = make_scene(config.simulate, config.seed)
    task, stream = make_regression(config, scene), make_regression(load("tiny", SETTINGS), scene)
    one, other = task.labelled("test", 6), stream.labelled("test", 6)
    assert torch.equal(one.images, other.images) and np.array_equal(one.indices, other.indices)
    assert task.examples.count("labelled") == 40  # all of them
    np.testing.assert_array_equal(task.examples.pool(20, 1).indices, stream.labelled("labelled", 20, 20).indices)
    assert task.name == "regression on simulated lenses" and task.examples.has_limit()
    bounds = [t.limit(t.labelled("test", 2), lambda done: None)["cramer-rao"]["theta_E"] for t in (task, stream)]
    np.testing.assert_array_equal(*bounds)


def test_a_dataset_with_fewer_lenses_than_all_seeds_take_gives_each_its_own(datasets):
    examples = make_regression(load("tiny", [*SETTINGS, datasets]), None).examples
    pools = [examples.pool(30, seed).indices.tolist() for seed in range(3)]
    assert pools[0] == examples.labelled("labelled", 30).indices.tolist()
    assert set(pools[1]) != set(pools[2]) and all(len(set(pool)) == 30 for pool in pools)


def test_classes_of_a_simulation_and_of_files_go_by_name(tmp_path):
    recipe = ["simulate.classes={plain: 1, ghost: 0, lens: 1}", "evaluate.n_labels=[10]", "simulate.image.num_pix=16"]
    folder = classes(tmp_path / "mine", {"lens": 20, "plain": 10})
    data = f"evaluate.data={{test_path: {folder}}}"
    config = load("tiny", [*recipe, data, *CLASSIFICATION, "evaluate.targets=[class]", "evaluate.n_test=all"])
    examples = Examples(config)
    assert examples.classes == ("plain", "lens")
    test = examples.labelled("test", 30)
    assert test.true["class"].dtype == torch.int64 and (test.true["class"] == 1).sum() == 20
    levels = test.images.mean((1, 2, 3)).round().long()
    assert torch.equal(levels, torch.where(test.true["class"] == 1, 4, 5))  # letters of lens and plain
    assert set(examples.labelled("labelled", 20).true["class"].tolist()) == {0, 1}
    classes(folder, {"blob": 1})
    with pytest.raises(DataError, match=r'the class "blob" of .*mine is none of those to learn from'):
        Examples(config)


def test_what_a_table_leaves_over_is_said(tmp_path, capsys):
    folder = rings(tmp_path / "mine")
    rows = (folder / "labels.csv").read_text().splitlines()
    (tmp_path / "some.csv").write_text("\n".join([*rows[:56], "zz,1,o,ring"]) + "\n")
    own(f"path: {folder}, labels: {tmp_path}/some.csv")
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "evaluate.data.path: labels by some.csv, by its column name; 5 of 60 images have no row; 1 of 56 rows" in said
    )


def test_words_are_no_numbers_to_learn(tmp_path):
    with pytest.raises(DataError, match=r"kind of .*mine holds words; expected numbers, or evaluate"):
        own(f"path: {rings(tmp_path / 'mine')}", "evaluate.targets=[kind]")


def test_images_to_learn_from_and_tests_have_tables_of_their_own(tmp_path):
    sets = {"labels": rings(tmp_path / "mine"), "test_labels": rings(tmp_path / "other", 30, seed=1)}
    for first, key in ((0, "labels"), (100, "test_labels")):
        rows = "".join(f"r{k:03},{first + k}\n" for k in range(60))
        (tmp_path / f"{key}.csv").write_text(f"name,theta\n{rows}")
    keys = ", ".join(f"{key}: {tmp_path}/{key}.csv" for key in sets)
    examples = own(f"path: {sets['labels']}, test_path: {sets['test_labels']}, {keys}")
    for first, split, n in ((0, "labelled", 60), (100, "test", 30)):
        assert sorted(examples.values(split, n)["theta"].tolist()) == list(range(first, first + n))
