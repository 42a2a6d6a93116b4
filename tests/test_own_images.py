"""Runs that are fitted to images of the user's: labels, tests, steps, and which images are refused."""

import pytest

from lenstream.configs.reproduction import configs, read
from lenstream.errors import ConfigError, DataError
from lenstream.own_images import fitted
from lenstream.reproducing import planned_runs

from .files.layouts import image, lensiam, save

NAME = "reproduce_lensiam"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return lensiam(tmp_path_factory.mktemp("pairs"), n=200)


def own(folder, scale="full", *changes):
    """The config of the run on a folder, fitted, beside what it was, and what is said of it."""
    before = configs(NAME, scale, [f"data={folder}", "pretrain.batch_size=32", *changes])["pairs"]
    full = configs(NAME, "full", [f"data={folder}", "pretrain.batch_size=32", *changes])["pairs"]
    return before, *fitted(before, full, read(NAME))


def test_labels_and_tests_are_as_many_as_there_are(pairs):
    before, config, said = own(pairs, "full", "evaluate.seeds=2", "evaluate.n_labels=[20, 70, 1000]")
    assert (before.evaluate.n_labels, before.evaluate.n_test) == ([20, 70, 1000], 1000)
    assert (config.evaluate.n_labels, config.evaluate.n_test) == ([20, 70, "all"], "all")  # 160 to learn from
    assert "pairs: 20, 70, all of 160 images to learn from, instead of 20, 70, 1,000" in said
    assert "pairs: 40 test images instead of 1,000" in said


def test_as_many_passes_through_the_images_as_the_source_had(pairs):
    before, config, said = own(pairs)
    assert config.pretrain.steps == round(before.pretrain.steps * 200 / 100_000) == 625
    assert config.pretrain.encoders["lensiam"].warmup == 8  # of 3,906, of 312,500 steps
    assert "pairs: 625 steps instead of 312,500, for 200 images" in said


def test_a_smaller_scale_keeps_its_steps_where_these_are_fewer(pairs):
    before, config, said = own(pairs, "small")
    assert config.pretrain.steps == before.pretrain.steps < 625  # which are the passes of the full one
    assert not any("steps" in sentence for sentence in said)


def test_a_batch_has_no_image_twice(pairs):
    _, config, said = own(pairs, "full", "pretrain.batch_size=516", "pretrain.accumulate=3")
    assert config.pretrain.batch_size == 198
    assert "pairs: batches of 198 instead of 516, as there are 200 images" in said


def test_the_images_are_named_in_what_differs(pairs):
    planned, differs = planned_runs(NAME, "small", [f"data={pairs}"])
    assert planned["pairs"].simulate is None and planned["pairs"].pretrain.data.path == str(pairs)
    assert differs[0] == f"The images are those of {pairs}."
    assert not set(differs) & set(read(NAME).stand_in) and set(read(NAME).differs) < set(differs)
    assert any(sentence.endswith(f"test images instead of 1,000 ({pairs}).") for sentence in differs)


def test_too_few_images_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"24 images to learn from and 6 for tests; expected 10 and 20 at least"):
        planned_runs(NAME, "tiny", [f"data={lensiam(tmp_path / 'pairs', n=30)}"])


@pytest.fixture
def of_classes(tmp_path):
    """A function that makes a folder with a sub-folder of images for each class."""

    def make(names, pixels=64, n=40):
        for name in names:
            for k in range(n):
                save(tmp_path / "mine" / name / f"{name}_{k}.npy", image(k + 1000 * names.index(name), pixels, pixels))
        return tmp_path / "mine"

    return make


def test_classes_go_by_what_they_mean_and_the_run_by_its_pixels(of_classes):
    planned, _ = planned_runs("reproduce_morphology", "tiny", [f"data={of_classes(['no', 'sphere', 'vort'])}"])
    assert list(planned) == ["model_2"] and planned["model_2"].evaluate.n_test == "all"
    planned, _ = planned_runs("reproduce_foundation", "tiny", [f"data={of_classes(['no', 'sphere', 'vort'])}"])
    assert list(planned) == ["classes"]


def test_of_images_with_other_pixels_the_first_run_is_done(of_classes):
    planned, _ = planned_runs("reproduce_morphology", "tiny", [f"data={of_classes(['no', 'cdm', 'axion'], 20)}"])
    assert list(planned) == ["model_1"]


def test_a_run_needs_the_classes_of_its_own_rows(of_classes):
    folder = of_classes(["lenses", "nonlenses"], n=60)
    planned, _ = planned_runs("reproduce_simclr", "tiny", [f"data={folder}"])
    assert list(planned) == ["real_lenses"]
    assert list(planned_runs("reproduce_real_lenses", "tiny", [f"data={folder}"])[0]) == ["vit_small", "vit_base"]
    with pytest.raises(ConfigError, match="its classes are lenses, nonlenses; expected a class for axion"):
        planned_runs("reproduce_morphology", "tiny", [f"data={folder}"])


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"notes\.txt"):
        planned_runs(NAME, "tiny", [f"data={tmp_path / 'notes.txt'}"])
