"""Classes of real images: means over seeds beside their spread, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from lenstream.configs.load import load
from lenstream.configs.schema import RealLenses
from lenstream.errors import DataError
from lenstream.evaluate import judge
from lenstream.evaluate.real.predict_classes import class_table, predict_classes
from lenstream.evaluate.show import terminal
from lenstream.evaluate.tasks.choose import make_task
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.trainer import pretrain

SETTINGS = [
    "simulate.classes={lens: 1, galaxy: 1}",
    "simulate.lens_mass.0.only=[lens]",
    "pretrain={steps: 2, batch_size: 8, backbone: {name: test_resnet}, encoders: {a: {method: simsiam}}}",
    "evaluate={task: classification, n_labels: [20], n_test: 30, seeds: 2, protocols: [logistic]}",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config, folder = load("tiny", SETTINGS), tmp_path_factory.mktemp("run")
    scene = make_scene(config.simulate, config.seed)
    encoders = {"a": pretrain(config, "a", scene, folder / "encoders" / "a")}
    task = make_task(config, scene)
    judge.evaluate(task, config, scene, encoders, folder)
    images = folder / "images"
    images.mkdir()
    for k, image in enumerate(task.labelled("test", 4).images[:, 0].numpy()):
        fits.writeto(images / f"im{k}.fits", image, fits.Header({"PIXSCALE": 0.15}))
    return config, scene, folder, images


def test_every_image_has_the_probabilities_of_all_classes(run):
    config, scene, folder, images = run
    found = predict_classes(config, scene, folder, RealLenses(images=str(images)))
    table = pd.read_csv(folder / "predictions" / "images" / "predictions.csv")
    assert list(table["name"]) == ["im0", "im1", "im2", "im3"] and found.figure.exists()
    np.testing.assert_allclose(table["p_lens"] + table["p_galaxy"], 1, atol=1e-4)
    likely = np.where(table["p_lens"] > table["p_galaxy"], "lens", "galaxy")
    assert list(table["class"]) == list(likely)


def test_a_catalogue_is_refused(run):
    config, scene, folder, images = run
    with pytest.raises(DataError, match="a classification has no values to compare with it"):
        predict_classes(config, scene, folder, RealLenses(images=str(images), catalogue="c.csv"))


def test_probabilities_are_means_over_seeds(capsys):
    given = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    table = class_table([SimpleNamespace(name="x", masked=0.0)], ["lens", "galaxy"], given, ["sky"])
    assert table.loc[0, "class"] == "lens"
    assert table.loc[0, "p_lens"] == pytest.approx(0.7) and table.loc[0, "p_lens_spread"] == pytest.approx(0.2)
    terminal.print_classes(table)
    printed = capsys.readouterr().out
    assert "1 image, probabilities of classes" in printed and "0.7 ± 0.2" in printed and "sky" in printed
