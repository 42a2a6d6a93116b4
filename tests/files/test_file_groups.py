"""Which files are one lens."""

from pathlib import Path, PurePath

import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.file_groups import counted, group, lenses_of, name_of
from lenstream.files.image_folders import find


def names(files, bands=1):
    """{name of the lens: names of its files}."""
    found = group([Path(name) for name in files.split()], "folder", bands)
    return {lens.name: " ".join(path.name for path in lens.files) for lens in found}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("a_sci.fits a_wht.fits", {"a": "a_sci.fits a_wht.fits"}),
        ("a.fits a.weight.fits a_mask.fits", {"a": "a.fits a.weight.fits a_mask.fits"}),
        ("K_r_sci.fits K_r_wei.fits", {"K_r": "K_r_sci.fits K_r_wei.fits"}),
        ("image_1.fits noise_map_1.fits", {"1": "image_1.fits noise_map_1.fits"}),
        ("data.fits noise_map.fits psf.fits", {"folder": "data.fits noise_map.fits psf.fits"}),
        ("a.fits b.fits", {"a": "a.fits", "b": "b.fits"}),
        ("J0008-0004.fits lens_data.fits", {"J0008-0004": "J0008-0004.fits", "lens_data": "lens_data.fits"}),
        ("image_1.fits image_2.fits", {"image_1": "image_1.fits", "image_2": "image_2.fits"}),
        ("a_sci.fits a_rms.fits a_exp.fits", {"a": "a_sci.fits a_rms.fits a_exp.fits"}),
        ("a_v1_drz.fits a_v1_wht.fits", {"a_v1_drz": "a_v1_drz.fits a_v1_wht.fits"}),
        ("a_drz_sci.fits a_drz_wht.fits", {"a_drz": "a_drz_sci.fits a_drz_wht.fits"}),
        ("a_drz.fits a_drz_wht.fits", {"a_drz": "a_drz.fits a_drz_wht.fits"}),
        ("x.fits noise_map.fits psf_kernel.fits", {"x": "x.fits noise_map.fits psf_kernel.fits"}),
        ("x.fits y.fits noise_map.fits", {"x": "x.fits", "y": "y.fits", "noise_map": "noise_map.fits"}),
        (
            "data.fits noise_map.fits mask_extra_galaxies.fits",
            {"folder": "data.fits noise_map.fits mask_extra_galaxies.fits"},
        ),
        ("model_1.fits model_2.fits", {"model_1": "model_1.fits", "model_2": "model_2.fits"}),
        ("a_psf.fits", {"a_psf": "a_psf.fits"}),  # nothing to go with
        ("a_g.fits a_r.fits", {"a_g": "a_g.fits", "a_r": "a_r.fits"}),
    ],
)
def test_files_that_differ_in_a_role_are_one_lens(files, expected):
    assert names(files) == expected


@pytest.mark.parametrize(
    ("files", "bands", "expected"),
    [
        ("a_g.fits a_r.fits b_g.fits b_r.fits", ("g", "r"), {"a": "a_g.fits a_r.fits", "b": "b_g.fits b_r.fits"}),
        ("g_a.fits r_a.fits", 2, {"a": "g_a.fits r_a.fits"}),
        (
            "a_g_sci.fits a_g_wht.fits a_r_sci.fits a_r_wht.fits",
            2,
            {"a": "a_g_sci.fits a_g_wht.fits a_r_sci.fits a_r_wht.fits"},
        ),
        ("a_blue.fits a_red.fits", ("blue", "red"), {"a": "a_blue.fits a_red.fits"}),
        ("c-HSC-G-9.fits c-HSC-R-9.fits", ("g", "r"), {"c-HSC_9": "c-HSC-G-9.fits c-HSC-R-9.fits"}),
        ("a_g_coadd.fits a_r_coadd.fits", 2, {"a_coadd": "a_g_coadd.fits a_r_coadd.fits"}),
        ("g.fits r.fits", 2, {"folder": "g.fits r.fits"}),
        ("a.fits b.fits", 2, {"a": "a.fits", "b": "b.fits"}),
        ("a_F606W.fits a_F814W.fits a_F814W_rms.fits", 2, {"a": "a_F606W.fits a_F814W.fits a_F814W_rms.fits"}),
    ],
)
def test_files_that_differ_in_the_band_are_one_lens_for_several_bands(files, bands, expected):
    assert names(files, bands) == expected


def test_folders_of_lenses_and_what_is_not_read(tmp_path):
    for lens in ("l1", "l2"):
        (tmp_path / lens).mkdir()
        for name in ("data", "noise_map", "psf"):
            fits.PrimaryHDU().writeto(tmp_path / lens / f"{name}.fits")
    (tmp_path / "old").mkdir()
    for name in ("x", "y"):
        fits.PrimaryHDU().writeto(tmp_path / "old" / f"{name}.fits")
    for name in ("a.fits", "b.npy", "c.csv", "d.csv"):
        (tmp_path / name).touch()
    found, others = lenses_of(tmp_path)
    assert [(lens.name, len(lens.files)) for lens in found] == [("a", 1), ("l1", 3), ("l2", 3)]
    assert counted(others) == "2 .csv, 1 .npy, 1 folder"
    assert counted([]) == "nothing"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no file that ends in"):
        lenses_of(tmp_path / "empty")


def test_a_sub_folder_with_one_image_is_a_lens_unless_images_lie_beside_it_or_it_holds_weights(tmp_path):
    for folder in ("l1", "weights"):
        (tmp_path / folder).mkdir()
        fits.PrimaryHDU().writeto(tmp_path / folder / "a.fits")
    assert [lens.name for lens in lenses_of(tmp_path)[0]] == ["l1"]
    fits.PrimaryHDU().writeto(tmp_path / "b.fits")
    found, others = lenses_of(tmp_path)
    assert [lens.name for lens in found] == ["b"] and counted(others) == "2 folders"


def test_a_sub_folder_with_a_file_a_band_is_a_lens(tmp_path):
    for lens in ("l1", "l2"):
        (tmp_path / lens).mkdir()
        for band in "gr":
            fits.PrimaryHDU().writeto(tmp_path / lens / f"{band}.fits")
    assert [(lens.name, len(lens.files)) for lens in lenses_of(tmp_path, ("g", "r"))[0]] == [("l1", 2), ("l2", 2)]


def test_the_work_grows_with_the_number_of_files_and_not_with_its_square(tmp_path, monkeypatch):
    for k in range(200):
        for kind in ("sci", "wht"):
            (tmp_path / f"a{k:03d}_{kind}.fits").touch()
        (tmp_path / f"b{k:03d}.npy").touch()
    compared, equal = [0], PurePath.__eq__

    def counting(one, other):
        compared[0] += 1
        return equal(one, other)

    monkeypatch.setattr(PurePath, "__eq__", counting)
    assert len(lenses_of(tmp_path)[0]) == 200 and len(find(tmp_path).files) == 400
    assert compared[0] < 20 * 600


def test_a_name_for_some_images_is_that_of_their_folder_or_of_a_single_file(tmp_path):
    folder, other = tmp_path / "cut_outs", tmp_path / "others"
    for path in (folder / "a.fits", folder / "b.fits.gz", other / "c.fits"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    a, b, c = folder / "a.fits", folder / "b.fits.gz", other / "c.fits"
    assert [name_of(folder), name_of([folder]), name_of([a, b])] == ["cut_outs"] * 3
    assert [name_of(a), name_of([a]), name_of([b]), name_of([a, c])] == ["a", "a", "b", "a"]
    assert name_of([folder, other]) == "cut_outs" and name_of([other, c.rename(tmp_path / "c.fits")]) == "others"
