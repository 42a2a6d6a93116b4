"""What is checked before a training: all mistakes at once, and nothing that stays."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream import before_training
from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.files import image_files
from lenstream.run_pipeline import main

ONE = "pretrain.encoders={s: {method: simclr, hidden_dim: 8, projection_dim: 8}}"  # an encoder that is made in no time


def problems(folder, *overrides):
    with pytest.raises(ConfigError) as caught:
        before_training.check(load("tiny", [ONE, *overrides]), folder / "runs" / "tiny")
    assert all("\n" not in p for p in caught.value.problems)
    assert not (folder / "runs").exists()
    return caught.value.problems


def cutouts(folder, names=("a",), pixels=40, value=1.0):
    folder.mkdir()
    for name in names:
        image = np.random.default_rng(0).normal(0, 0.02, (pixels, pixels)) * value
        fits.writeto(folder / f"{name}.fits", image.astype(np.float32), fits.Header({"PIXSCALE": 0.15}))


def test_a_good_config_passes_and_leaves_nothing(tmp_path):
    cutouts(tmp_path / "lenses")
    (tmp_path / "catalogue.csv").write_text("name,theta_E\na,1.2\n")
    real = [f"real_lenses.images={tmp_path}/lenses", f"real_lenses.catalogue={tmp_path}/catalogue.csv"]
    scene = before_training.check(load("tiny", [ONE, *real]), tmp_path / "runs" / "tiny")
    assert scene.seed == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["catalogue.csv", "lenses"]


def test_all_mistakes_are_said_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    config = load(
        "tiny",
        [
            "simulate.lens_mass.0.gamma=2.0",
            f"real_lenses.images={tmp_path}/nowhere",
            f"real_lenses.catalogue={tmp_path}/nowhere.csv",
            "pretrain.encoders.simsiam.backbone={name: resnt18}",
            "pretrain.encoders.lensimclr.backbone={weights: nowhere.safetensors}",
            "pretrain.accelerator=mps",
        ],
    )
    with pytest.raises(ConfigError) as caught:
        before_training.check(config, tmp_path / "file" / "tiny")
    said = "\n".join(caught.value.problems)
    for words in (
        "evaluate.targets: gamma is 2 in every system, so there is nothing to learn of it; leave it out "
        "(evaluate.targets=[theta_E, e1, e2]), or draw it, e.g. {uniform: [1.8, 2.2]}",
        "nowhere: expected a folder with FITS cut-outs",
        "There is no catalogue",
        'timm has no model "resnt18". Did you mean "resnet18"?',
        "nowhere.safetensors: cannot be read",
        "pretrain.accelerator: torch finds no mps device here",
        f"cannot be written, as {tmp_path / 'file'} is not a folder to write to",
    ):
        assert words in said
    assert len(caught.value.problems) == 7


@pytest.mark.parametrize(
    ("make", "overrides", "said"),
    [
        (lambda folder: None, ["real_lenses.catalogue=c.csv"], "there are no images to compare with it"),
        (lambda folder: folder.mkdir(), ["real_lenses.images={}"], "lenses"),
        (lambda folder: cutouts(folder, value=np.nan), ["real_lenses.images={}"], "None of the 1 FITS files"),
    ],
)
def test_real_lenses_are_read_first(tmp_path, make, overrides, said):
    make(tmp_path / "lenses")
    (problem,) = problems(tmp_path, *[o.format(tmp_path / "lenses") for o in overrides])
    assert said in problem


def test_a_folder_for_each_lens_with_a_file_for_each_band_is_read(tmp_path):
    (tmp_path / "lenses").mkdir()
    cutouts(tmp_path / "lenses" / "a", ["g", "r"])
    real, two = f"real_lenses.images={tmp_path}/lenses", "simulate.bands={g: {}, r: {}}"
    before_training.check(load("tiny", [ONE, real, two]), tmp_path / "runs" / "tiny")
    (problem, *_) = problems(tmp_path, real)
    assert "holds no file that ends in .fits" in problem


def test_real_lenses_are_read_as_at_the_end_of_the_run(tmp_path):
    cutouts(tmp_path / "lenses")
    fits.append(
        tmp_path / "lenses" / "a.fits", np.full((40, 40), np.nan, np.float32), fits.Header({"EXTNAME": "LENSLIGHT"})
    )
    real = f"real_lenses.images={tmp_path}/lenses"
    (problem,) = problems(tmp_path, real)
    assert "not one pixel is valid" in problem
    light = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 0.8, n_sersic: 4}]"
    before_training.check(load("tiny", [ONE, real, light]), tmp_path / "runs" / "tiny")  # it is not subtracted then


def test_fits_of_lens_light_need_their_package_before_training(tmp_path, monkeypatch):
    cutouts(tmp_path / "lenses")
    monkeypatch.setattr("lenstream.extras._is_installed", lambda name: name != "photutils")
    real = [f"real_lenses.images={tmp_path}/lenses", "real_lenses.lens_light=fit"]
    (problem,) = problems(tmp_path, *real)
    assert problem.startswith("real_lenses.lens_light: fit needs lenstream[real], as photutils is not installed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,theta_E\nb,1\n", "none of the 1 cut-outs"),
        ("name,theta_E\na,big\n", "theta_E"),
        ("x,theta_E\na,1\n", "name"),
    ],
)
def test_the_catalogue_is_compared_first(tmp_path, text, said):
    cutouts(tmp_path / "lenses")
    (tmp_path / "c.csv").write_text(text)
    real = [f"real_lenses.images={tmp_path}/lenses", f"real_lenses.catalogue={tmp_path}/c.csv"]
    (problem,) = problems(tmp_path, *real)
    assert said in problem


def test_images_of_a_folder_are_read_once_for_all_networks(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    for k in range(5):
        np.save(tmp_path / "images" / f"{k}.npy", np.random.default_rng(k).normal(size=(16, 16)))
    two = "pretrain.encoders={a: {method: simsiam}, b: {method: simsiam}}"
    read, count = image_files.read, [0]

    def counting(*args):
        count[0] += 1
        return read(*args)

    monkeypatch.setattr(image_files, "read", counting)
    folder = [f"pretrain.data={{path: {tmp_path}/images}}", "pretrain.batch_size=4", "evaluate=null"]
    before_training.check(load("tiny", [two, *folder, "pretrain.probe_every=0"]), tmp_path / "runs" / "tiny")
    assert count[0] == 1 + 5  # one to see whether images can be read, all for the statistics of both networks


def test_a_probe_of_one_class(tmp_path):
    (tmp_path / "images" / "lenses").mkdir(parents=True)
    np.save(tmp_path / "images" / "lenses" / "a.npy", np.random.default_rng(0).normal(size=(40, 16, 16)))
    folder = [
        f"pretrain.data={{path: {tmp_path}/images}}",
        "pretrain.probe_every=2",
        "pretrain.encoders={s: {method: simsiam}}",
        "evaluate=null",
    ]
    (problem,) = problems(tmp_path, *folder)
    assert "has one class (lenses), of which a probe would always be right" in problem


def classes(folder, **counts):
    """A folder of images of 16 pixels in sub-folders, so many of each class."""
    rng = np.random.default_rng(0)
    for name, n in counts.items():
        (folder / name).mkdir(parents=True)
        np.save(folder / name / "a.npy", rng.normal(size=(n, 1, 16, 16)))
    return [f"pretrain.data={{path: {folder}}}", "pretrain.batch_size=4", "pretrain.encoders={s: {method: simsiam}}"]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"lenses": 40, "others": 1}, "a half has the class lenses alone; expected two classes in both"),
        ({"a": 2, "b": 2}, "a half has the class"),
        ({"lenses": 20, "others": 20}, None),
    ],
)
def test_a_probe_needs_two_classes_in_either_half(tmp_path, counts, said):
    options = [*classes(tmp_path / "images", **counts), "pretrain.probe_every=2", "evaluate=null"]
    if said is None:
        before_training.check(load("tiny", options), tmp_path / "runs" / "tiny")
    else:
        (problem,) = problems(tmp_path, *options)
        assert problem.startswith("pretrain.probe_every: of the ") and said in problem


def test_a_batch_larger_than_the_folder(tmp_path):
    options = [*classes(tmp_path / "images", a=3, b=2), "evaluate=null"]
    before_training.check(load("tiny", options), tmp_path / "runs" / "tiny")
    (problem,) = problems(tmp_path, *options, "pretrain.batch_size=6")
    assert "6 images a step, but" in problem and "has 5, so that images would be in a batch twice" in problem


def test_encoders_of_a_folder_are_judged_by_simulated_lenses_only_if_that_is_asked_for(tmp_path):
    options, folder = classes(tmp_path / "images", a=8, b=8), tmp_path / "runs" / "tiny"
    (problem,) = problems(tmp_path, *options)
    assert "would be judged on simulated lenses" in problem and "evaluate.judged_on=simulated" in problem
    for ways_out in (["evaluate=null"], ["evaluate.judged_on=simulated"]):
        before_training.check(load("tiny", [*options, *ways_out]), folder)
    before_training.check(load("tiny", options), folder, evaluates=False)


def test_a_network_sees_what_it_is_judged_by_too(tmp_path):
    sizes = "{patch_size: 8, depth: 1, embed_dim: 48, num_heads: 3}"
    vit = f"pretrain.backbone={{name: vit_tiny_patch16_224, options: {sizes}}}"
    options = [*classes(tmp_path / "images", a=8, b=8), vit, "evaluate.judged_on=simulated"]
    (problem,) = problems(tmp_path, *options)
    assert "pretrain.encoders.s: its backbone cannot take images of 1 x 32 x 32" in problem


def test_a_folder_that_has_changed_since_the_first_encoder_was_trained(tmp_path):
    options = [*classes(tmp_path / "images", a=8, b=8), "evaluate=null", "pretrain.steps=1"]
    two = "pretrain.encoders={s: {method: simsiam}, t: {method: simsiam}}"
    config, run = load("tiny", [*options, two]), tmp_path / "runs" / "tiny"
    scene = before_training.check(config, run)
    from lenstream.ssl.trainer import pretrain

    pretrain(config, "s", scene, run / "encoders" / "s")
    before_training.check(config, run)
    np.save(tmp_path / "images" / "b" / "new.npy", np.zeros((1, 1, 16, 16)))
    with pytest.raises(ConfigError, match="is not as it was when the training began: 3 files, were 2; put it back, or"):
        before_training.check(config, run)
    before_training.check(config, run, anew=True)  # with --overwrite
    pretrain(config.model_copy(), "s", scene, run / "encoders" / "s")  # it has what it needs


def test_a_folder_is_looked_through_once(tmp_path, monkeypatch):
    from lenstream.ssl import folder

    looked, look = [], folder.image_folders.find
    monkeypatch.setattr(folder.image_folders, "find", lambda path, *more: looked.append(path) or look(path, *more))
    (tmp_path / "images").mkdir()
    for k in range(4):
        np.save(tmp_path / "images" / f"{k}.npy", np.random.default_rng(k).normal(size=(16, 16)))
    encoders = "pretrain.encoders={a: {method: simsiam, views: augment}, b: {method: simclr, views: augment}}"
    folder = [f"pretrain.data={{path: {tmp_path}/images}}", "pretrain.batch_size=4", "evaluate=null"]
    config = load("tiny", [encoders, *folder])
    before_training.check(config, tmp_path / "runs" / "tiny")
    assert len(looked) == 1


def test_a_network_that_cannot_take_the_images(tmp_path):
    vit = "{name: vit_tiny_patch16_224, options: {img_size: 224, patch_size: 16, depth: 1}}"
    (problem,) = problems(tmp_path, f"pretrain.encoders={{s: {{method: simclr, backbone: {vit}}}}}")
    size = load("tiny").simulate.image.num_pix
    assert f"pretrain.encoders.s: its backbone cannot take images of 1 x {size} x {size} (bands, pixels)" in problem


def test_images_that_are_no_whole_bins(tmp_path):
    (problem,) = problems(tmp_path, "pretrain.encoders={s: {method: simclr, backbone: {name: test_resnet, bin: 5}}}")
    assert problem == "pretrain.backbone.bin: images of 32 pixels are not whole blocks of 5"


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(before_training.shutil, "disk_usage", lambda place: type("", (), {"free": 1000}))
    (problem,) = problems(tmp_path)
    assert "checkpoints and encoders need about" in problem and "1e-06 GB left" in problem


def test_the_command_config_checks_and_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["config", "tiny", ONE, "seed=5"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and "seed: 5" in out and "checked, nothing is wrong" in err
    for arguments in (["tiny", ONE, "simulate.lens_mass.0.gamma=2.0"], ["tiny", ONE, "--runs", "/proc/x"], []):
        with pytest.raises(SystemExit) as ended:
            main(["config", *arguments])
        out, err = capsys.readouterr()
        assert ended.value.code == 2 and out == "" and err.startswith("lenstream: ")
    assert list(tmp_path.iterdir()) == []


def test_pairs_of_images_that_cannot_be_learnt_are_said_with_all_else(tmp_path):
    for name, size in (("LR", 32), ("HR", 64)):
        (tmp_path / name).mkdir()
        for k in range(10):
            np.save(tmp_path / name / f"{k}.npy", np.full((size, size), k, np.float32))
    pairs = f"evaluate.super_resolution={{lr_path: {tmp_path}/LR, hr_path: {tmp_path}/HR}}"
    few = ["evaluate.task=super_resolution", "evaluate.seeds=1", "evaluate.n_labels=[20]", "evaluate.n_test=20"]
    found = problems(tmp_path, *few, pairs, "pretrain.backbone.name=test_mambaout")
    assert "evaluate.n_labels: 20 labelled pairs, but evaluate.super_resolution has 8; expected fewer" in found
    assert "evaluate.n_test: 20 test pairs, but evaluate.super_resolution has 2; expected fewer" in found
    (tmp_path / "HR" / "3.npy").unlink()
    assert "have no partner of that name" in problems(tmp_path, *few, pairs)[0]
    lost = ["simulate.observation.bad_pixels=0.1", "evaluate.super_resolution.target=observed"]
    assert "observed targets would have lost pixels" in problems(tmp_path, *few, *lost)[0]


def test_a_flow_without_its_library_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("lenstream.extras._is_installed", lambda name: name != "zuko")
    (problem,) = problems(tmp_path, "evaluate.protocols=[ridge, flow]")
    assert problem == (
        "evaluate.protocols: flow needs lenstream[npe], as zuko is not installed: pip install 'lenstream[npe]'"
    )
    (problem,) = problems(tmp_path, "pretrain.encoders={a: {method: supervised, posterior: flow}}")
    assert problem.startswith("pretrain.encoders.a.posterior: flow needs lenstream[npe]")
    before_training.check(load("tiny", [ONE, "evaluate.protocols=[gaussian]"]), tmp_path / "runs" / "tiny")
