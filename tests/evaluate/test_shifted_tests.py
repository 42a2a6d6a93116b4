"""Shifted test sets: the same test lenses, scored with the trained heads, resumed, refused before training."""

import numpy as np
import pytest

from lenstream import before_training
from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.evaluate import judge, kept_heads, shifted_tests
from lenstream.evaluate.results import Evaluation
from lenstream.evaluate.show.robustness import robustness
from lenstream.evaluate.tasks.choose import make_task
from lenstream.evaluate.tasks.regression import make_regression
from lenstream.progress import Stopped
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.trainer import pretrain

SHIFTS = ["wider_psf", "more_noise"]
SMALL = [
    "pretrain.steps=1",
    "pretrain.encoders.lensiam=null",
    "pretrain.encoders.simsiam=null",
    "evaluate.seeds=2",
    "evaluate.n_labels=[20, 40]",
    "evaluate.limit=false",
    "evaluate.protocols=[ridge, d4, finetune]",
    f"evaluate.shifts=[{', '.join(SHIFTS)}]",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    config = load("tiny", SMALL)
    scene, folder = make_scene(config.simulate, config.seed), tmp_path_factory.mktemp("encoders")
    return config, scene, {n: pretrain(config, n, scene, folder / n) for n in config.pretrain.encoders}


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    config, scene, encoders = trained
    folder = tmp_path_factory.mktemp("run")
    return folder, judge.evaluate(make_regression(config, scene), config, scene, encoders, folder)


def test_every_head_with_the_most_labels_is_judged_on_every_shifted_set(evaluated):
    _, evaluation = evaluated
    plain = {(s.encoder, s.protocol) for s in evaluation.scores if not s.shift}
    shifted = [s for s in evaluation.scores if s.shift]
    assert {(s.encoder, s.protocol) for s in shifted} == plain
    assert ("stream_supervised", "stream") in plain and ("supervised", "finetune") in plain
    assert {s.n_labels for s in shifted if s.protocol != "stream"} == {40} and {s.seed for s in shifted} == {0}
    assert list(dict.fromkeys(s.shift for s in shifted)) == SHIFTS
    assert len(shifted) == 2 * len(plain) * 4 * 2  # shifts, heads, targets, metrics


def test_scores_are_those_of_the_kept_heads_on_a_scene_that_is_made_anew(trained, evaluated):
    config, scene, _ = trained
    folder, evaluation = evaluated
    simulate = [
        "simulate.observation.psf.fwhm=0.18",
        "simulate.observation.exposure_time=500",
        "simulate.observation.background_noise=0.04",
    ]
    kept = kept_heads.load_predictor(make_regression(config, scene), config, scene, folder)
    names = sorted(p.name for p in (folder / "predictor").iterdir())
    for shift, overrides in {"wider_psf": simulate[:1], "more_noise": simulate[1:]}.items():
        changed = load("tiny", [*SMALL, *overrides])
        task = make_regression(changed, make_scene(changed.simulate, changed.seed))
        test = task.labelled("test", changed.evaluate.n_test)
        for name, group in zip(names, kept, strict=True):
            encoder, protocol = name.rsplit("-", 1)
            found = {
                (s.target, s.metric): s.value
                for s in evaluation.scores
                if s.shift == shift and (s.encoder, s.protocol) == (encoder, protocol)
            }
            true = {t: v.numpy() for t, v in test.true.items()}
            assert task.score(true, task.predict(group[0][0], test.images)) == pytest.approx(found, rel=1e-4, abs=1e-4)


def test_scores_are_saved_and_what_is_shown_elsewhere_is_that_of_lenses_as_trained(evaluated):
    folder, evaluation = evaluated
    assert Evaluation.load(folder).scores == evaluation.scores
    assert "shift" in (folder / "results.csv").read_text().splitlines()[0].split(",")
    assert robustness(evaluation.scores)[0].columns == ["as trained", *SHIFTS]
    assert not (folder / "evaluation").exists()


def test_a_stopped_evaluation_goes_on_with_the_same_numbers(trained, evaluated, tmp_path):
    config, scene, encoders = trained
    heads = len(
        {(s.encoder, s.protocol, s.n_labels, s.seed) for s in evaluated[1].scores if not s.shift and s.n_labels}
    )
    asked, task = iter(range(1000)), make_regression(config, scene)
    with pytest.raises(Stopped, match="stopped the shifted test lenses at 3 of "):
        judge.evaluate(task, config, scene, encoders, tmp_path, stop=lambda: next(asked) >= heads + 1 + 3)
    assert not (tmp_path / "results.csv").exists()
    assert judge.evaluate(task, config, scene, encoders, tmp_path).scores == evaluated[1].scores


def test_test_lenses_are_those_of_the_test_split_in_the_bands_that_networks_see():
    bands = ["simulate.bands={g: {}, r: {exposure_time: 500}}", "pretrain.bands=[r]", "evaluate.shifts=[wider_psf]"]
    config = load("tiny", bands)
    scene = make_regression(config, make_scene(config.simulate, config.seed)).scene
    plain, shifted = make_regression(config, scene), shifted_tests.task_of(config, scene, "wider_psf")
    before, after = plain.labelled("test", 5), shifted.labelled("test", 5)
    assert after.images.shape == before.images.shape and after.images.shape[1] == 1
    np.testing.assert_array_equal(after.indices, before.indices)
    for target, values in before.true.items():
        np.testing.assert_array_equal(after.true[target], values)


def test_classes_are_judged_on_shifted_lenses_too():
    config = load("find_lenses", ["simulate.image.num_pix=24", "evaluate.shifts=[more_noise]"])
    scene = make_scene(config.simulate, config.seed)
    task = make_task(config, scene)
    other = shifted_tests.task_of(config, scene, "more_noise")
    assert other.classes == task.classes
    (target,) = config.evaluate.targets
    np.testing.assert_array_equal(other.labelled("test", 8).true[target], task.labelled("test", 8).true[target])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["evaluate.shifts=[lens_light, more_noise]", "simulate.observation.noise=false"],
            ["more_noise changes"],
        ),
        (["evaluate.shifts=[other_galaxies]", "evaluate.other_catalogue=/nowhere/x.fits"], ["/nowhere/x.fits"]),
        (
            ["evaluate.shifts=[more_noise]", "simulate.selection={arc_snr_min: 400, max_attempts: 3}"],
            ["evaluate.shifts: more_noise: "],
        ),
    ],
)
def test_what_cannot_be_shifted_is_refused_before_the_training(tmp_path, overrides, said):
    with pytest.raises(ConfigError) as caught:
        before_training.check(load("tiny", ["pretrain.steps=1", *overrides]), tmp_path / "runs" / "tiny")
    for words in said:
        assert any(words in problem and "evaluate.shifts" in problem for problem in caught.value.problems), words


def test_images_in_files_are_not_shifted():
    config = load(
        "tiny",
        ["evaluate.shifts=[wider_psf]", "evaluate.task=super_resolution", "pretrain.encoders.stream_supervised=null"],
    )
    (problem,) = shifted_tests.problems(config, None)
    assert "expected none here" in problem
    assert list(shifted_tests.problems(load("tiny", []), None)) == []


def test_a_shift_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match=r"evaluate\.shifts.*wider_psf"):
        load("tiny", ["evaluate.shifts=[wider_psv]"])


def test_described_says_what_each_shift_changes():
    words = shifted_tests.described(load("tiny", ["evaluate.shifts=[wider_psf, subhalos]"]))
    assert list(words) == ["wider_psf", "subhalos"] and "0.18 instead of 0.15" in words["wider_psf"]
