"""What is checked of images in files before a training: enough of them, with what the encoders and the scores need."""

import numpy as np
import pytest

from lenstream import before_training
from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

from .evaluate.tasks.own_images import rings

ONE = "pretrain.encoders={s: {method: simclr, hidden_dim: 8, projection_dim: 8}}"
FEW = ["evaluate.n_labels=[10]", "evaluate.seeds=1", "evaluate.n_test=20", "pretrain.batch_size=8"]


def store(folder, count=16, views=1, split="train", *overrides):
    config = load("tiny", overrides)
    scene = make_scene(config.simulate, config.seed)
    write_archive(config, folder, describe(config, scene, "zarr", count, Views(views), split=split))
    return f"pretrain.data={{path: {folder}}}"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The option of a config that trains on 16 systems of the recipe tiny."""
    return store(tmp_path_factory.mktemp("data") / "d")


def checked(folder, *overrides, **options):
    return before_training.check(load("tiny", [ONE, *FEW, *overrides]), folder / "runs" / "tiny", **options)


def problems(folder, *overrides):
    with pytest.raises(ConfigError) as caught:
        checked(folder, *overrides)
    return caught.value.problems


def test_encoders_of_a_dataset_are_judged_by_the_lenses_it_is_of(tmp_path, data):
    assert checked(tmp_path, data).seed == 3
    (problem,) = problems(tmp_path, data, "simulate.observation.exposure_time=77")
    assert "would be judged on other lenses than it has (simulate.observation.exposure_time is 77.0, was" in problem
    checked(tmp_path, data, "simulate.observation.exposure_time=77", "evaluate.judged_on=simulated")
    checked(tmp_path, data, "simulate.observation.exposure_time=77", evaluates=False)


def test_simulate_is_not_needed_where_nothing_is_simulated(tmp_path, data):
    scene = checked(tmp_path, data, "simulate=null", "evaluate=null")
    assert scene.seed == 3 and scene.config == make_scene(load("tiny").simulate, 3).config
    np.save(tmp_path / "images.npy", np.random.default_rng(0).normal(size=(20, 1, 16, 16)))
    (tmp_path / "folder").mkdir()
    (tmp_path / "images.npy").rename(tmp_path / "folder" / "images.npy")
    assert checked(tmp_path, f"pretrain.data={{path: {tmp_path}/folder}}", "simulate=null", "evaluate=null") is None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["simulate=null"], "evaluate: there is no simulate, by whose lenses encoders are judged"),
        (["simulate=null", "evaluate=null", "pretrain.data=null"], "simulate: the key is missing"),
        (["simulate=null", "evaluate=null", "real_lenses.images=x"], "real_lenses.images: real lenses are predicted"),
    ],
)
def test_what_needs_simulate_says_so(tmp_path, data, overrides, said):
    with pytest.raises(ConfigError, match=said):
        load("tiny", [ONE, data, *overrides])


def test_more_systems_than_there_are(tmp_path, data):
    (problem,) = problems(tmp_path, data, "pretrain.batch_size=32", "evaluate=null")
    assert "32 images a step, but" in problem and "has 16" in problem


def test_views_that_are_not_there(tmp_path, data):
    physics = "pretrain.encoders={s: {method: simclr, hidden_dim: 8, projection_dim: 8, views: physics}}"
    (problem,) = problems(tmp_path, data, physics)
    assert problem.startswith("pretrain.encoders.s.views: physics views need the simulator, or a dataset with 2 views")
    assert "lenstream simulate RECIPE --count N --views 2" in problem
    folder = tmp_path / "images"
    folder.mkdir()
    np.save(folder / "a.npy", np.random.default_rng(0).normal(size=(20, 1, 16, 16)))
    (problem,) = problems(tmp_path, f"pretrain.data={{path: {folder}}}", physics, "evaluate=null")
    assert "need the simulator" in problem


def test_a_supervised_encoder_learns_from_a_dataset_and_not_from_a_folder(tmp_path, data):
    supervised = "pretrain.encoders={s: {method: supervised}}"
    store(tmp_path / "test", 100, 1, "test")
    judged = ["simulate=null", f"evaluate.data={{path: {tmp_path}/test}}", "evaluate.n_test=20"]
    config = load("tiny", [*FEW, data, *judged, supervised])
    assert before_training.check(config, tmp_path / "runs" / "tiny").seed == 3
    folder = tmp_path / "images"
    folder.mkdir()
    np.save(folder / "a.npy", np.random.default_rng(0).normal(size=(20, 1, 32, 32)))
    config = load("tiny", [*FEW, f"pretrain.data={{path: {folder}}}", *judged, supervised])
    with pytest.raises(ConfigError, match=r"encoders\.s\.method: supervised needs the labels of the simulator"):
        before_training.check(config, tmp_path / "runs" / "tiny")


def test_lenses_to_judge_by_are_not_trained_on(tmp_path):
    for split in ("labelled", "test"):
        (problem,) = problems(tmp_path, store(tmp_path / split, 16, 1, split))
        assert f"holds {split} lenses by which encoders are judged; expected a dataset of the split train" in problem
    checked(tmp_path, store(tmp_path / "validation", 16, 1, "validation"))


def test_labelled_images(tmp_path, data):
    store(tmp_path / "labelled", 30, 1, "labelled")
    judged = f"evaluate.data={{path: {tmp_path}/labelled}}"  # 24 to learn from, 6 for tests
    (problem,) = problems(tmp_path, data, judged)
    least = "expected more images, as n_test is 20 at least"
    assert problem == f"evaluate.n_test: 20 test images, but evaluate.data has 6; {least}"
    (problem,) = problems(tmp_path, data, judged, "evaluate.n_labels=[30]")
    assert problem == "evaluate.n_labels: 30 labelled images, but evaluate.data has 24; expected fewer, or all"
    (problem,) = problems(tmp_path, data, judged, "evaluate.n_labels=[0.2]", "evaluate.n_test=all")
    assert (
        problem
        == "evaluate.n_test: 6 test images, but evaluate.data has 6; expected more images, as n_test is 20 at least"
    )
    store(tmp_path / "test", 20, 1, "test", "simulate.lens_mass.0.gamma=2")
    both = f"evaluate.data={{path: {tmp_path}/labelled, test_path: {tmp_path}/test}}"
    (problem,) = problems(tmp_path, data, both)
    assert problem == "evaluate.targets: gamma is 2 in all test images"
    checked(tmp_path, data, both, "evaluate.targets=[theta_E]")
    checked(tmp_path, data, both, "evaluate.targets=[theta_E]", "simulate=null")
    (problem,) = problems(tmp_path, data, both, "evaluate.targets=[thetaE]")
    assert 'no label "thetaE"' in problem and 'Did you mean "theta_E"?' in problem


def test_lenses_that_are_trained_on_are_no_tests(tmp_path, data):
    """The tests are the last fifth of 100 systems: 80 to 99 of the stream, if nothing else is said."""
    store(tmp_path / "stored", 100, 1, "train")
    few = [f"evaluate.data={{path: {tmp_path}/stored}}", "pretrain.steps=11"]
    (problem,) = problems(tmp_path, *few)  # 0 to 87
    assert problem.startswith(f"evaluate.data: encoders are trained on 8 of 20 test lenses of {tmp_path}/stored; ")
    assert "--split test" in problem
    checked(tmp_path, *few, "pretrain.steps=10")  # 0 to 79
    checked(tmp_path, *few, "seed=9")
    checked(tmp_path, *few, "simulate.observation.exposure_time=77")
    checked(tmp_path, *few, data)  # a dataset of 0 to 15
    (problem,) = problems(tmp_path, *few, f"pretrain.data={{path: {tmp_path}/stored}}")
    assert "trained on 20 of 20 test lenses" in problem


def test_a_supervised_encoder_learns_of_the_lens_alone(tmp_path, data):
    """Labels of a table may be anything, but what a view has of its own is learnt from no image of another."""
    store(tmp_path / "test", 100, 1, "test")
    judged = [*FEW, data, f"evaluate.data={{path: {tmp_path}/test}}", "evaluate.targets=[source_R_sersic]"]
    checked(tmp_path, *judged)
    supervised = "pretrain.encoders={s: {method: supervised}}"
    with pytest.raises(ConfigError, match='"source_R_sersic" is not a lens parameter of this simulation'):
        load("tiny", [*judged, supervised])
    with pytest.raises(ConfigError, match=r"evaluate\.targets: source_R_sersic may differ between views"):
        before_training.check(load("tiny", [*judged, supervised, "simulate=null"]), tmp_path / "runs" / "tiny")


def test_labels_of_which_a_seed_gets_one_class_alone(tmp_path):
    folder = rings(tmp_path / "mine", 120)
    rows = [f"r{k:03},{'odd' if k in (7, 33, 60, 80) else 'disc'}" for k in range(120)]
    (folder / "labels.csv").write_text("\n".join(["name,kind", *rows]) + "\n")
    judged = [f"pretrain.data={{path: {folder}}}", f"evaluate.data={{path: {folder}}}", "simulate=null"]
    judged += ["evaluate.task=classification", "evaluate.targets=[kind]"]
    (problem,) = problems(tmp_path, *judged)
    said = "all of 10 labelled images of a seed are disc; expected more, so that there is something to tell apart"
    assert problem == f"evaluate.n_labels: {said}"
    checked(tmp_path, *judged, "evaluate.n_labels=[60, all]")


def test_a_class_without_a_test_image_is_said_and_hinders_nothing(tmp_path, capsys):
    """Its scores stay empty, and those of the others stand."""
    learnt, judged = rings(tmp_path / "mine", 60), rings(tmp_path / "tests", 30, seed=1)
    for folder, kinds in ((learnt, ("ring", "arc", "disc")), (judged, ("ring", "disc"))):
        names = sorted(path.stem for path in folder.glob("*.npy"))
        rows = [f"{name},{kinds[k % len(kinds)]}" for k, name in enumerate(names)]
        (folder / "labels.csv").write_text("\n".join(["name,kind", *rows]) + "\n")
    data = [f"pretrain.data={{path: {learnt}}}", f"evaluate.data={{path: {learnt}, test_path: {judged}}}"]
    checked(tmp_path, *data, "simulate=null", "evaluate.task=classification", "evaluate.targets=[kind]")
    said = capsys.readouterr().err
    assert said.count(f"none of 20 test images of {judged} is arc, which has no score of its own") == 1
