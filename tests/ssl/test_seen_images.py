"""What an encoder remembers of the images that it was trained on: with it, cards need neither files nor galaxies."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
import yaml
from astropy.io import fits

from lenstream import load_encoder, model_cards
from lenstream.configs.load import load
from lenstream.runs import RunFolder, begin
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint
from lenstream.ssl.data import open_images
from lenstream.ssl.seen_images import DATASET, FILES, SIMULATED, facts_of
from lenstream.ssl.trainer import pretrain
from lenstream.ssl.training_files import ENCODER

BANDS = "simulate.bands={g: {}, r: {}}"
SMALL = "simulate.image={num_pix: 16, pixel_scale: 0.3, rays: 1}"


ONE = [f"pretrain.encoders.{name}=null" for name in ("lensiam", "lensimclr", "stream_supervised")]
ONE += ["pretrain.steps=2", "evaluate=null"]


def stream(folder):
    return load("tiny", [SMALL, BANDS, *ONE])


def of_files(path):
    return load("tiny", [f"pretrain.data.path={path}", "simulate=null", *ONE])


def dataset(folder):
    config = stream(folder)
    write_archive(config, folder / "set", describe(config, make_scene(config), "zarr", 20))
    return of_files(folder / "set")


def cutouts(folder):
    (folder / "set").mkdir()
    header = fits.Header({"PIXSCALE": 0.07, "FILTER": "F814W"})
    for k in range(20):
        fits.writeto(folder / "set" / f"{k}.fits", np.random.default_rng(k).normal(size=(18, 18)).astype("f4"), header)
    return of_files(folder / "set")


KINDS = {stream: (SIMULATED, ["g", "r"], 16, 0.3), dataset: (DATASET, ["g", "r"], 16, 0.3)}
KINDS |= {cutouts: (FILES, ["F814W"], 18, 0.07)}


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_facts(make, tmp_path):
    config = make(tmp_path)
    scene = make_scene(config) if config.simulate else None
    facts = facts_of(open_images(config), scene, config.simulate)
    assert (facts["kind"], facts["bands"], facts["num_pix"], facts["pixel_scale"]) == KINDS[make]
    assert json.loads(json.dumps(facts)) == facts
    assert ("EPL + SHEAR" in facts["population"]) == (make is not cutouts)


def trained(make, folder):
    """A run with one encoder that was trained for two steps, whose images are gone since."""
    config = make(folder)
    run = RunFolder(folder / "run")
    begin(run, config)
    pretrain(config, "simsiam", make_scene(config) if config.simulate else None, run.encoder("simsiam"))
    shutil.rmtree(folder / "set", ignore_errors=True)
    return run


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_cards_of_encoders_whose_images_are_gone(make, tmp_path):
    run = trained(make, tmp_path)
    kind, bands, num_pix, scale = KINDS[make]
    card = load_encoder(run.path).card
    assert (card.kind, list(card.bands), card.num_pix, card.pixel_scale) == (kind, bands, num_pix, scale)
    model_cards.write(run)
    text = (run.encoder("simsiam") / "README.md").read_text(encoding="utf-8")
    assert f'{num_pix} x {num_pix} pixels of {scale:g}"' in text and f"| Bands | {', '.join(bands)} |" in text
    words = {SIMULATED: "simulated strong lenses", DATASET: "a dataset of simulated strong lenses"}.get(kind, FILES)
    assert f"trained by simsiam on {words}\n" in text and str(tmp_path) not in text
    assert ("counts/s per pixel" in text) == ("EPL + SHEAR" in text) == (kind != FILES)
    assert f"license: {'other' if kind == FILES else 'mit'}\n" in text


def test_an_encoder_that_does_not_remember_its_images_still_loads(tmp_path):
    run = trained(stream, tmp_path)
    path = run.encoder("simsiam") / ENCODER
    tensors, facts = checkpoint.load(path)
    expected = load_encoder(run.path).card
    checkpoint.save(path, tensors, **{name: value for name, value in facts.items() if name != "seen"})
    assert "seen" in facts and load_encoder(run.path).card == expected


def test_the_card_for_timm_has_a_head_and_code_that_gives_the_features(tmp_path):
    encoder = load_encoder(trained(stream, tmp_path).path)
    encoder.to_timm(tmp_path / "timm")
    text = (tmp_path / "timm/README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert (head["library_name"], head["license"]) == ("timm", "mit") and "gravitational-lensing" in head["tags"]
    block = text.split("```python\n")[1].split("```")[0].replace("FOLDER", str(tmp_path / "timm"))
    images = torch.randn(2, 2, 16, 16)
    images[0, 0, 3, 3] = torch.nan
    names = {"given": images}
    with torch.no_grad():
        exec(re.sub(r"images = torch.zeros.*", "images = given", block), names)
        torch.testing.assert_close(names["features"], encoder(images), rtol=1e-5, atol=1e-5)
