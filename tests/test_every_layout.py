"""Sets of others by the command line, as a user types it: looked at, trained on, judged by, predicted."""

import re

import numpy as np
import pandas as pd
import pytest

from .calling import said_in_process
from .every_layout import LAYOUTS, fits_with_table, lenses
from .files.layouts import RunsCommand, pickled, save
from .simulate.galaxies import cosmos

EVALUATE = ["evaluate.n_labels=[20]", "evaluate.n_test=20", "evaluate.finetune.epochs=1", "evaluate.seeds=1"]


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function: what a command line says on stdout, and on stderr; it has to end well."""
    monkeypatch.chdir(tmp_path)

    def answer(*arguments):
        code, said, messages = said_in_process([str(a) for a in arguments], capsys)
        assert code == 0, messages
        return said, messages

    return answer


def proposed(call, folder, path):
    """Write the config that `lenstream inspect` proposes for a folder."""
    said, _ = call("inspect", folder)
    path.write_text(said[said.index("# A config for it:") :])
    return path


def evaluated(call, folder, targets, config):
    """Carry a proposed config through to the evaluation: the folder of its run."""
    judged = [f"evaluate.data.path={folder}", f"evaluate.targets=[{', '.join(targets)}]", *EVALUATE]
    call("evaluate", config, "--scale", "tiny", "name=judged", *judged)
    return config.parent / "runs" / "judged_tiny"


def predictions(call, run, images, *more):
    _, _ = call("predict", "--run", run, "--images", images, "--out", "predicted", *more)
    return pd.read_csv("predicted/predictions.csv")


def through_all(call, tmp_path, make, targets):
    """What a training says of a layout, and a table of predictions if it has numeric labels."""
    make(tmp_path / "set")
    config = proposed(call, tmp_path / "set", tmp_path / "mine.yaml")
    said, messages = call("pretrain", config, "--scale", "tiny")
    assert "encoders: " in said
    if not targets:
        return messages, None
    run = evaluated(call, tmp_path / "set", targets, config)
    return messages, predictions(call, run, tmp_path / "set")


@pytest.mark.slow
@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_from_a_folder_to_predictions(call, tmp_path, make):
    messages, table = through_all(call, tmp_path, make, LAYOUTS[make])
    assert "left out" not in messages
    for target in LAYOUTS[make]:
        assert np.isfinite(table[target]).all() and np.isfinite(table[f"{target}_std"]).all()
        assert (table[f"{target}_std"] > 0).all() and f"{target}_label" in table


def test_what_is_predicted_is_what_the_evaluation_saw(call, tmp_path):
    """By images in the unit and on the pixels of their files, also of a set that has neither labels nor scales."""
    fits_with_table(tmp_path / "set")
    config = proposed(call, tmp_path / "set", tmp_path / "mine.yaml")
    run = evaluated(call, tmp_path / "set", ["theta_E"], config)
    table = predictions(call, run, tmp_path / "set")
    scores = pd.read_csv(run / "results.csv").query("metric == 'rmse'")
    assert table["theta_E_std"].iloc[0] == pytest.approx(scores["value"].min(), rel=1e-3)
    images, _ = lenses()
    save(tmp_path / "others.npy", images[:, 0])
    others = predictions(call, run, tmp_path / "others.npy", "--pixel-scale", "0.1")
    np.testing.assert_allclose(others["theta_E"], table["theta_E"], rtol=1e-3)
    (tmp_path / "set").rename(tmp_path / "elsewhere")
    with pytest.raises(AssertionError, match=r"learnt from the images in .*set, which are not there; expected them"):
        predictions(call, run, tmp_path / "others.npy", "--pixel-scale", "0.1")


def test_a_hostile_pickle_never_runs(tmp_path, monkeypatch, capsys):
    """Neither as an image nor as a list of splits, which a training leaves out, as it needs none."""
    monkeypatch.chdir(tmp_path)
    images, _ = lenses(24)
    for name in ("image", "list"):
        for k, image in enumerate(images):
            save(tmp_path / name / ("lenses", "nonlenses")[k % 2] / f"{k}.npy", image[0])
    held = np.empty(2, dtype=object)
    held[0], held[1] = images[0, 0], RunsCommand(tmp_path / "ran")
    np.save(tmp_path / "image" / "lenses" / "0.npy", held, allow_pickle=True)
    pickled(tmp_path / "list" / "train_lenses.pkl", ["0.npy", RunsCommand(tmp_path / "ran")])
    for name in ("image", "list"):
        data = tmp_path / name
        files = ["simulate=null", f"pretrain.data.path={data}", "pretrain.batch_size=8", "--scale", "tiny"]
        judged = [f"evaluate.data.path={data}", "evaluate.targets=[class]", *EVALUATE]
        for arguments in (["pretrain", *files, "evaluate=null"], ["evaluate", *files, *judged]):
            command = [arguments[0], "simclr_resnet18", *arguments[1:], f"name={name}{arguments[0]}"]
            code, _, messages = said_in_process(command, capsys)
            if (name, arguments[0]) == ("list", "pretrain"):
                assert code == 0 and "left out: 1 .pkl" in messages, messages
            else:
                assert code == 2 and "which is never run" in messages, messages
    assert not (tmp_path / "ran").exists()


def test_the_folder_of_a_catalogue_of_galaxies(call, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "galaxies").mkdir()
    cosmos.write(tmp_path / "galaxies", [cosmos.galaxy(rng) for _ in range(6)])
    source = f"simulate.source=[{{profile: INTERPOL, catalogue: '{tmp_path / 'galaxies'}'}}]"
    few = ["simulate.image={num_pix: 16, pixel_scale: 0.3, rays: 1}", "--count", "4", "--out", "made"]
    call("simulate", "tiny", source, *few)
    said, _ = call("inspect", "made")
    assert re.search(r"source_magnitude +22\.5|source_magnitude [\d.]+", said)
