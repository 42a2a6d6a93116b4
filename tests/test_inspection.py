"""`lenstream inspect`: what is said of each kind of path, the config that it proposes, and the picture."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from lenstream import LensDataset
from lenstream.before_training import check
from lenstream.configs.load import load
from lenstream.errors import DataError, LenStreamError
from lenstream.evaluate.show.dataset_lines import first_images
from lenstream.inspection import inspect

from .files.layouts import axion, challenge, cutouts, deeplense, image, lensiam, pickled, save, save_fits
from .simulate.galaxies import cosmos

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"


def said(path, picture=None):
    """What is said, by the headings, and the YAML behind it."""
    lines = inspect(path, picture)
    end = lines.index("# A config for it:") if "# A config for it:" in lines else len(lines)
    words = {}
    for line in lines[1:end]:
        head, rest = line[:12].strip(), line[12:]
        last = head or next(reversed(words), "")
        words.setdefault(last, []).append(rest)
    return lines[0], words, "\n".join(lines[end + 1 :])


def loaded(text, folder):
    (folder / "proposed.yaml").write_text(text)
    return load(folder / "proposed.yaml")


@pytest.mark.parametrize("make", [deeplense, cutouts, lensiam, challenge], ids=lambda make: make.__name__)
def test_every_layout_proposes_a_config_that_loads(tmp_path, make):
    folder = make(tmp_path / "my set [1]")
    _, words, config = said(folder, tmp_path / "pictures" / "a.png")
    assert words["images"] and words["bands"] and words["pixels"]
    settings = loaded(config, tmp_path)
    assert settings.pretrain.data.path == str(folder)
    assert settings.name == "my_set__1"
    assert settings.pretrain.batch_size <= 9
    assert (tmp_path / "pictures" / "a.png").stat().st_size > 5000


def test_deeplense(tmp_path):
    title, words, _ = said(deeplense(tmp_path))
    assert title == f"{tmp_path}: images of DeepLense, in a sub-folder for each kind of dark matter"
    assert words["layout"] == ["DeepLense folder"]
    assert words["images"] == ["9"]
    assert words["classes"] == ["axion 3, cdm 3, no_sub 3"]
    assert words["labels"] == ["mass 1e-23 to 3e-23, 6 of 9 NaN"]
    assert words["bad pixels"] == ["none in all 9 images"]
    assert words["twice"] == ["none of all 9 images"]


def test_pairs_and_splits(tmp_path):
    lensiam(tmp_path / "train", 3)
    lensiam(tmp_path / "test", 2)
    _, words, _ = said(tmp_path)
    assert words["images"] == ["5, 2 views of each system"]
    assert words["splits"] == ["test 2, train 3"]
    assert "theta_E 1 to 1.2" in words["labels"]


def test_bad_pixels_empty_images_and_images_that_are_there_twice(tmp_path):
    for k in range(5):
        save(tmp_path / f"{k}.npy", image(k))
    lost = image(7)
    lost[:2] = np.nan
    save(tmp_path / "7.npy", lost)
    save(tmp_path / "8.npy", image(3))
    save(tmp_path / "9.npy", np.full((16, 16), 2.0))
    _, words, _ = said(tmp_path)
    assert words["bad pixels"] == [f"{32 / (8 * 256):.2%} of the pixels, in 1 of all 8 images"]
    assert words["empty"] == ["1 of all 8 images hold one value, or none: 9.npy"]
    assert words["twice"] == ["1 of all 8 images are the same as another: 3.npy and 8.npy"]


def test_of_many_images_some_are_looked_at(tmp_path):
    save(tmp_path / "a.npy", image(0, 1000, 20, 20))
    _, words, _ = said(tmp_path)
    assert words["bad pixels"] == ["none in 256 of 1,000 images"]
    low, middle, high = (float(x) for x in re.findall(r"below (-?[\d.]+)", words["fluxes"][0]))
    assert low < 0.7 < middle < 1.3 < high  # of N(1, .3)


def test_oblong_images_are_cut(tmp_path):
    for k in range(6):
        save(tmp_path / f"{k}.npy", image(k, 40, 32))
    assert loaded(said(tmp_path)[2], tmp_path).pretrain.data.size == 32


def test_one_image_is_not_trained_on(tmp_path):
    _, _, config = said(save_fits(tmp_path / "lens.fits", image(0, 40, 40), PIXSCALE=0.05))
    assert "lenstream predict --run runs/demo --images" in config


def test_a_recipe(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: demo\n")
    title, words, _ = said(tmp_path / "a.yaml")
    assert title.endswith("a recipe, no data")
    assert "lenstream config" in words["next"][0]


def test_a_run_says_what_can_be_done_with_it(tmp_path):
    for name, judged, next_one in (("a", "", "lenstream predict --run "), ("b", "evaluate: null\n", "load_encoder")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(
            f"extends: tiny\n{judged}pretrain: {{encoders: {{stream_supervised: null}}}}\n"
        )
        title, words, _ = said(tmp_path / name)
        assert "a run of LenStream, not finished" in title and "report" not in words
        assert next_one in words["next"][0]
    (tmp_path / "a/report.html").touch()
    assert said(tmp_path / "a")[1]["report"] == [str(tmp_path / "a/report.html")]


def test_a_table(tmp_path):
    (tmp_path / "a.csv").write_text("name,theta_E,comment\nx,1.5,good\ny,,bad\n")
    title, words, _ = said(tmp_path / "a.csv")
    assert title.endswith("a table of 2 rows and 3 columns")
    assert words["columns"] == ["name x, y", "theta_E 1.5, 1 of 2 NaN", "comment good, bad"]


def test_a_psf(tmp_path):
    y, x = np.indices((31, 31)) - 15
    kernel = np.exp(-(x**2 + y**2) / 8)
    kernel = np.pad(kernel / kernel.sum(), ((0, 0), (2, 0)))  # off the middle, as some are
    title, words, config = said(save_fits(tmp_path / "my_psf.fits", kernel), tmp_path / "a.png")
    assert title.endswith("a PSF kernel")
    assert words["pixels"] == ["31 x 33, the peak at row 15, column 17"]
    assert words["sum"] == ["1"]
    assert loaded(config, tmp_path).simulate.observation.psf.file == str(tmp_path / "my_psf.fits")


@pytest.mark.parametrize("name", ["cosmos_23.5", "cosmos_23.5/real_galaxy_catalog_23.5.fits"])
def test_galaxies_of_galsim(tmp_path, name):
    if not REAL.is_dir():
        pytest.skip("the real data are not here")
    title, words, config = said(REAL / name, tmp_path / "a.png")
    assert title.endswith("a catalogue of 10 galaxies in GalSim's RealGalaxyCatalog form")
    assert words["pixels"] == ["0.03 arcsec"]
    assert words["images"] == ["10 of 10 that were looked at can be read"]
    assert loaded(config, tmp_path).simulate.source[0].catalogue.endswith(name)


def test_real_lenses():
    if not REAL.is_dir():
        pytest.skip("the real data are not here")
    _, words, _ = said(REAL / "slacs_dev")
    assert words["pixels"] == ["201 x 201, of 0.05 arcsec"]
    assert "theta_E_published 0.83 to 1.52" in words["labels"]
    assert "labels by catalogue.csv, by its column name" in words["notes"]


def test_nothing_that_is_known(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"no data set that is known; it holds 1 \.txt"):
        inspect(tmp_path)
    with pytest.raises(DataError, match="there is no such file or folder"):
        inspect(tmp_path / "absent")
    with pytest.raises(LenStreamError, match=r"--out a\.gif: expected a picture's name ending in \.png"):
        inspect(tmp_path, Path("a.gif"))


def test_a_hostile_pickle_is_a_sentence(tmp_path):
    from .files.layouts import RunsCommand

    axion(tmp_path / "cdm" / "a.npy")
    pickled(tmp_path / "train.pkl", [RunsCommand(tmp_path / "ran")])
    with pytest.raises(DataError, match="which is never run"):
        inspect(tmp_path)
    assert not (tmp_path / "ran").exists()


def dataset(folder, form, *overrides, count=5, views=2, redraw=("source", "noise")):
    from lenstream.simulate.archive.writing import describe, write_archive
    from lenstream.simulate.systems.draw import Views
    from lenstream.simulate.systems.scene import make_scene

    config = load("tiny", ["simulate.image={num_pix: 12, pixel_scale: 0.3, rays: 1}", *overrides])
    chosen = Views(views, frozenset(redraw if views > 1 else ()))
    write_archive(config, folder, describe(config, make_scene(config), form, count, chosen))
    return folder


def test_an_own_dataset(tmp_path):
    title, words, text = said(dataset(tmp_path / "mine", "zarr"), tmp_path / "a.png")
    assert title.endswith("5 systems of tiny that LenStream simulated")
    assert words["layout"] == ["LenStream archive, format zarr, 1 shard"]
    assert words["indices"] == ["0 to 4, seed 3"]
    assert words["views"] == ["2, of which differ noise, source"]
    assert words["bands"] == ["1 (not named)"]
    assert words["pixels"] == ["12 x 12, of 0.3 arcsec"]
    assert any(re.fullmatch(r"theta_E [\d.]+ to [\d.]+ arcsec", label) for label in words["labels"])
    assert "state" not in words and "classes" not in words
    settings = loaded(text, tmp_path)
    assert settings.pretrain.encoders["simclr"].views == "physics" and settings.simulate is None
    assert (tmp_path / "a.png").is_file()


def test_a_part_of_an_own_dataset_names_the_whole(tmp_path, monkeypatch):
    own = dataset(tmp_path / "mine", "fits")
    image = own / "fits/000000/000004_1.fits"
    for part in (image, image.parent, own / "labels.parquet"):
        assert said(part)[1]["part of"] == [
            f"the dataset {own}: lenstream inspect {own} says more, such as views and units"
        ]
    with pytest.raises(DataError, match=rf"it is part of the dataset {own}: lenstream inspect {own} says"):
        inspect(own / "SHA256SUMS")
    monkeypatch.chdir(own / "ledger")
    with pytest.raises(DataError, match=rf"it is part of the dataset {own.resolve()}: "):
        inspect("000000.json")
    assert "part of" not in said(own)[1]


def test_an_own_dataset_that_is_damaged_names_what_finds_all_damage(tmp_path):
    own = dataset(tmp_path / "mine", "zarr")
    (own / "labels.parquet").unlink()
    (own / "theta_E/c/0").unlink()
    with pytest.raises(DataError, match=rf"there is no such file\); lenstream verify {own} names all that is damaged"):
        inspect(own)


@pytest.mark.parametrize("form", ["zarr", "hdf5", "parquet", "fits", "fits-pairs", "npy-folders"])
def test_what_is_proposed_for_an_own_dataset_is_taken_as_it_stands(form, tmp_path):
    redraw = ("noise", "source") if form == "fits-pairs" else ("noise",)
    check(loaded(said(dataset(tmp_path / "mine", form, redraw=redraw))[2], tmp_path), tmp_path / "run")
    if form != "fits-pairs":
        one = loaded(said(dataset(tmp_path / "one", form, views=1))[2], tmp_path)
        assert one.pretrain.encoders["simclr"].views == "augment"
        check(one, tmp_path / "run")


def test_an_own_dataset_of_several_grids(tmp_path):
    bands = "simulate.bands={VIS: {}, Y: {image: {num_pix: 6, pixel_scale: 0.6}}}"
    _, words, text = said(dataset(tmp_path / "mine", "zarr", bands), tmp_path / "a.png")
    assert words["pixels"] == ["12 x 12, of 0.3 arcsec (VIS)", "6 x 6, of 0.6 arcsec (Y)"]
    config = loaded(text, tmp_path)
    assert config.pretrain.bands == ["VIS"]
    check(config, tmp_path / "run")


def galaxies(folder):
    """A catalogue of three small galaxies: its path."""
    blob = np.exp(-0.5 * np.hypot(*np.mgrid[-10:11, -10:11]) ** 2 / 4)
    np.savez(folder / "galaxies.npz", images=np.tile(blob, (3, 1, 1, 1)), pixel_scale=0.1, magnitude=np.full(3, 23.0))
    return folder / "galaxies.npz"


@pytest.mark.parametrize("form", ["zarr", "hdf5", "parquet", "fits", "fits-pairs", "npy-folders"])
def test_an_own_dataset_whose_galaxies_are_elsewhere(form, tmp_path):
    catalogue = galaxies(tmp_path)
    source = f"simulate.source=[{{profile: INTERPOL, catalogue: '{catalogue}'}}]"
    folder = dataset(tmp_path / "mine", form, source, views=2 if form == "fits-pairs" else 1)
    expected, images = inspect(folder), LensDataset(folder)[4]["images"][0]
    catalogue.unlink()
    assert inspect(folder) == expected
    shown, captions = first_images(folder, 24)
    np.testing.assert_array_equal(shown[4], images)
    assert captions == ["0", "1", "2", "3", "4"]
    assert any(line.lstrip().startswith("source_magnitude ") for line in expected)


def test_classes_and_shards_of_an_own_dataset(tmp_path, monkeypatch):
    from lenstream.evaluate.show import dataset_lines

    classes = ["simulate.classes={empty: 1, lens: 1}", "simulate.source.0.only=[lens]"]
    folder = dataset(tmp_path / "mine", "zarr", *classes, count=8)
    _, words, text = said(folder)
    check(loaded(text, tmp_path), tmp_path / "run")
    counts = dict(part.split() for part in words["classes"][0].split(", "))
    assert set(counts) == {"empty", "lens"} and sum(map(int, counts.values())) == 8
    monkeypatch.setattr(dataset_lines, "LOOKED_AT", 3)
    labels = said(folder)[1]["labels"]
    assert labels[0] == "of the first 3 systems" and any(label.startswith("theta_E ") for label in labels)


def test_an_own_dataset_that_is_not_finished(tmp_path):
    folder = dataset(tmp_path / "mine", "zarr")
    (folder / "labels.parquet").unlink()
    assert any(label.startswith("theta_E ") for label in said(folder)[1]["labels"])
    (folder / "ledger/000000.json").unlink()
    _, words, text = said(folder)
    assert words["state"] == ["0 of 1 shard are written; the command that began it goes on with it"]
    assert "labels" not in words and "simulate: null" in text


def test_of_an_own_dataset_no_more_is_read_than_is_shown(tmp_path):
    """Neither pixels without a picture, nor those of systems that are not drawn."""
    folder = dataset(tmp_path / "mine", "hdf5", count=40)
    for file in folder.glob("*.h5"):
        file.write_bytes(b"")
    assert any(line.lstrip().startswith("theta_E ") for line in inspect(folder))


@pytest.mark.parametrize("module", ["pyarrow", "h5py"])
def test_of_packages_that_are_missing_the_extra_is_named(module, tmp_path, monkeypatch):
    folder = dataset(tmp_path / "mine", "hdf5")
    monkeypatch.setattr("lenstream.extras._is_installed", lambda name: name != module)
    for use in (inspect, LensDataset):
        with pytest.raises(LenStreamError, match=rf"{module} is not installed: pip install 'lenstream\[archive\]'"):
            use(folder)


def test_galaxies_from_all_over_a_catalogue_are_looked_at(tmp_path):
    """Later files may be of another release: here the last of 30 images is not there."""
    path = cosmos.write(tmp_path, [image(0, 8, 8)] * 30, GAL_HDU=[*range(29), 99])
    _, words, _ = said(path)
    assert words["images"] == ["23 of 24 that were looked at can be read", "129: no image in HDU 99", ""]


def test_a_config_names_what_it_is_of_from_anywhere(tmp_path, monkeypatch):
    for k in range(6):
        save(tmp_path / "lenses" / f"{k}.npy", image(k))
    monkeypatch.chdir(tmp_path)
    _, _, config = said("lenses")
    assert loaded(config, tmp_path).pretrain.data.path == str(tmp_path / "lenses")


def test_images_in_parquet_are_no_table(tmp_path):
    fluxes = image(0, 6, 16, 16).tolist()
    parquet.write_table(pa.table({"image": pa.array(fluxes, pa.list_(pa.list_(pa.float32())))}), tmp_path / "a.parquet")
    title, words, _ = said(tmp_path / "a.parquet")
    assert "with images in the column image" in title and words["images"] == ["6"]
