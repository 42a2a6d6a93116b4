"""Lenses of data sets of any layout on the pixels of a network, with the names and labels of the set."""

import h5py
import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from pyarrow import parquet

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.evaluate.real.set_cutouts import read_lenses
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

from ...files import layouts
from ...files.layouts import SIZE, image


def read(path, scale=None, bands=("",), images=None):
    return read_lenses([str(p) for p in images] if images else str(path), SIZE, 0.3, scale, "subtract", bands)


def names(found):
    return [cutout.name for cutout in found.cutouts]


def test_a_set_without_a_pixel_scale_asks_for_it(tmp_path):
    layouts.deeplense(tmp_path)
    with pytest.raises(DataError, match=r"how large its pixels are; give it in arcsec as --pixel-scale or real_lenses"):
        read(tmp_path)


def test_deeplense_with_axions(tmp_path):
    found = read(layouts.deeplense(tmp_path), 0.3)
    assert names(found)[0] == "axion/axion_0.npy" and len(found.cutouts) == 9
    assert found.labels["class_label"] == ["axion"] * 3 + ["cdm"] * 3 + ["no_sub"] * 3
    np.testing.assert_allclose(found.labels["mass_label"][:3], [1e-23, 2e-23, 3e-23])
    np.testing.assert_allclose(found.cutouts[8].image, image(2), rtol=1e-5)


def test_a_hostile_pickle_is_not_run(tmp_path):
    held = np.empty(2, dtype=object)
    held[0], held[1] = image(0), layouts.RunsCommand(tmp_path / "ran")
    np.save(tmp_path / "a.npy", held, allow_pickle=True)
    layouts.pickled(layouts.cutouts(tmp_path / "c") / "train.pkl", layouts.Evaluates(tmp_path / "ran"))
    for path in (tmp_path / "a.npy", tmp_path / "c"):
        with pytest.raises(DataError, match="which is never run"):
            read(path, 0.3, ("g", "r", "i"))
    assert not (tmp_path / "ran").exists()


def test_both_views_of_a_pair(tmp_path):
    found = read(layouts.lensiam(tmp_path), 0.3)
    assert names(found)[:3] == ["pair_0.fits[0]", "pair_0.fits[1]", "pair_1.fits[0]"]
    np.testing.assert_allclose(found.labels["theta_E_label"][:3], [1.0, 1.0, 1.1])
    np.testing.assert_allclose(found.cutouts[1].image, image(1), rtol=1e-5)


def test_cutouts_with_lists_of_splits(tmp_path):
    layouts.cutouts(tmp_path)
    layouts.pickled(tmp_path / "test_lenses.pkl", ["1.npy"])
    found = read(tmp_path, 0.3, ("g", "r", "i"))
    assert found.labels["split"] == [None, "test", *[None] * 6]
    assert found.labels["class_label"] == ["lenses"] * 4 + ["nonlenses"] * 4
    assert found.cutouts[0].image.shape == (3, SIZE, SIZE)
    with pytest.raises(DataError, match="it holds 3 bands, and the network was trained on 1"):
        read(tmp_path, 0.3)


def test_folders_of_bands_with_a_log(tmp_path):
    found = read(layouts.challenge(tmp_path), 0.3, ("VIS",))
    np.testing.assert_allclose(found.cutouts[1].image, image(10), rtol=1e-5)
    assert found.labels["class_label"] == ["nonlens", "lens"] * 2
    assert found.labels["Einstein_area_label"] == [0, 0.5, 1, 1.5]


def test_hdf5_by_the_names_of_bands_at_its_scale(tmp_path):
    stack = np.stack([image(k, 2, SIZE, SIZE) for k in range(5)])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image_array"], file["image_scale"] = stack, np.full((5, 2), 0.3)
        file["image_band"], file["object_id"] = np.array([["DES-G", "DES-R"]] * 5, "S"), np.array(list("abcda"), "S")
        file["z"] = np.arange(5.0)
    found = read(tmp_path, None, ("r", "g"))
    assert names(found) == ["a[0]", "b", "c", "d", "a[4]"] and found.labels["z_label"] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.cutouts[2].image, stack[2, ::-1], rtol=1e-5)


def test_parquet(tmp_path):
    rows = [{"flux": image(k, 1, SIZE, SIZE).tolist(), "band": ["g"], "scale": [0.3]} for k in range(3)]
    parquet.write_table(
        pa.table({"image": rows, "object_id": list("xyz"), "label": list("aba")}), tmp_path / "a.parquet"
    )
    found = read(tmp_path)
    assert names(found) == ["x", "y", "z"] and found.labels["class_label"] == ["a", "b", "a"]
    np.testing.assert_allclose(found.cutouts[2].image, image(2, 1, SIZE, SIZE)[0], rtol=1e-5)


def test_arrays_and_several_places(tmp_path):
    np.save(tmp_path / "a.npy", image(0, 20, SIZE, SIZE))
    (tmp_path / "a.csv").write_text("theta_E\n" + "1.5\n" * 20)
    layouts.save_fits(tmp_path / "b.fits", image(5))
    assert names(read(tmp_path / "a.npy", 0.3))[19] == "a.npy[19]"
    both = read(None, 0.3, images=[tmp_path / "b.fits", tmp_path / "a.npy"])
    assert names(both)[:2] == ["b", "a.npy[0]"]
    assert both.labels["theta_E_label"] == [None] + [1.5] * 20


def test_several_files_of_an_image_each_are_called_as_they_are(tmp_path):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", image(5))
    found = read(None, 0.3, images=[tmp_path / "a.npy", tmp_path / "b.npy"])
    assert names(found) == ["a.npy", "b.npy"]


def test_fits_in_classes_keep_their_noise(tmp_path):
    for name in ("lenses", "nonlenses"):
        for k in range(2):
            (tmp_path / name).mkdir(exist_ok=True)
            noise = fits.ImageHDU(np.full((SIZE, SIZE), 0.25), name="NOISE")
            held = fits.ImageHDU(image(k), fits.Header({"PIXSCALE": 0.3}), name="IMAGE")
            fits.HDUList([fits.PrimaryHDU(), held, noise]).writeto(tmp_path / name / f"{k}.fits")
    found = read(tmp_path)
    assert names(found)[3] == "nonlenses/1.fits" and found.labels["class_label"][2:] == ["nonlenses"] * 2
    np.testing.assert_allclose(found.cutouts[0].noise, 0.25)


def test_a_table_beside_cutouts(tmp_path):
    for k in range(3):
        layouts.save_fits(tmp_path / f"l{k}.fits", image(k), PIXSCALE=0.3)
    (tmp_path / "labels.csv").write_text("name,z\nl0,0.1\nl1,0.2\nl2,0.3\n")
    assert read(tmp_path).labels == {"z_label": [0.1, 0.2, 0.3]}
    (tmp_path / "labels.csv").write_text("name,z\nl0,0.1\n")
    found = read(tmp_path)
    assert len(found.cutouts) == 3 and found.labels == {}
    assert found.notes[0].startswith("labels beside the cut-outs are not read: ")


def test_pairs_of_resolutions_are_read_coarse(tmp_path):
    for side, edge in (("LR", SIZE), ("HR", 2 * SIZE)):
        layouts.save(tmp_path / side / "a.npy", image(0, edge, edge))
    found = read(tmp_path, 0.3)
    np.testing.assert_allclose(found.cutouts[0].image, image(0), rtol=1e-5)
    assert found.notes[-1].startswith("of each pair the image with large pixels")


def test_a_dataset_of_lenstream_is_seen_as_it_is(tmp_path):
    config = load("tiny")
    scene = make_scene(config.simulate, config.seed)
    write_archive(config, tmp_path / "d", describe(config, scene, "zarr", 4, Views(1)))
    found = read_lenses(str(tmp_path / "d"), 32, 0.15, None, "subtract", ("",))
    expected = simulate(scene, np.arange(4, dtype=np.uint64))
    np.testing.assert_allclose([c.image for c in found.cutouts], expected.images[:, 0, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([c.noise.max() for c in found.cutouts], scene.instrument.background, rtol=1e-6)
    np.testing.assert_allclose(found.labels["theta_E_label"], expected.labels["theta_E"], rtol=1e-6)
    assert names(found) == ["0", "1", "2", "3"]


def test_lens_light_is_fitted_in_arrays_too(tmp_path):
    y, x = np.meshgrid(*2 * [np.arange(64) - 31.5], indexing="ij")
    noise = np.random.default_rng(0).normal(0, 0.01, (2, 1, 64, 64))
    np.save(tmp_path / "a.npy", (noise + 5 * np.exp(-1.2 * np.hypot(x, y) ** 0.5)).astype(np.float32))
    found = read_lenses(str(tmp_path / "a.npy"), 32, 0.15, 0.075, "fit", ("",))
    assert [cutout.light_subtracted for cutout in found.cutouts] == [True, True]
    assert all("lens light fitted" in cutout.used for cutout in found.cutouts)
    assert np.median(np.abs(found.cutouts[0].image)) < 0.03
