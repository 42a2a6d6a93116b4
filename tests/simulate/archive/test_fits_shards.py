"""FITS datasets through astropy, and through LenStream's own readers of cut-outs and of folders to train on."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from lenstream.errors import ConfigError
from lenstream.evaluate.real.cutouts import read_cutouts
from lenstream.files import image_files, image_folders
from lenstream.files.orientation import orientation_of
from lenstream.files.unreadable import Unreadable
from lenstream.simulate.archive import fits_shards
from lenstream.simulate.archive.image_facts import inverse_variance


@pytest.fixture
def first(written, lossy):
    """The folder of the first thousand systems, and the samples of the first shard."""
    folder, _, samples = written(lossy, "fits", start=5)
    return folder / "fits" / "000000", samples[0]


def test_astropy_has_extensions_units_and_labels(first):
    folder, own = first
    assert sorted(path.name for path in folder.iterdir()) == [f"{index:06d}.fits" for index in range(5, 11)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(folder / "000007.fits", checksum=True) as hdus:
            hdus.verify("exception")
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "IMAGE", "IVAR", "MASK", "PSF"]
            header = hdus["IMAGE"].header
            np.testing.assert_array_equal(hdus["IMAGE"].data, own.images["images"][2, 0, 0])
            np.testing.assert_array_equal(hdus["MASK"].data, own.masks["mask"][2, 0, 0])
            np.testing.assert_array_equal(hdus["IVAR"].data, inverse_variance(own)["images"][2, 0, 0])
            assert hdus["PSF"].data.sum() == pytest.approx(1, abs=1e-6)
            facts, of_inverse = hdus[0].header, hdus["IVAR"].header
            wcs = WCS(header)
    assert (facts["INDEX"], facts["SEED"], facts["CONFIG"]) == (7, 1, "small")
    for label, values in own.labels.items():
        assert facts[label] == values[2]
    assert facts.comments["theta_E"].startswith("[arcsec] Einstein radius")
    assert u.Unit(header["BUNIT"]) == u.electron / u.s
    assert u.Unit(of_inverse["BUNIT"]) == u.Unit(header["BUNIT"]) ** -2
    assert (header["EXPTIME"], header["MAGZERO"], header["PSF_FWHM"]) == (500, 25.96, 0.16)
    assert "DATE" not in header and "FILTER" not in header
    np.testing.assert_allclose(wcs.proj_plane_pixel_scales()[0].to_value("arcsec"), 0.1)
    centre = wcs.pixel_to_world(9.5, 9.5)  # between the four pixels in the middle of 20 x 20
    np.testing.assert_allclose([centre.ra.deg, centre.dec.deg], fits_shards.PLACE, atol=1e-9)
    assert wcs.pixel_to_world(9.5, 10.5).dec > centre.dec and wcs.pixel_to_world(10.5, 9.5).ra < centre.ra
    found = orientation_of([header], (20, 20))
    assert found.sense == 1 and found.position_angle_of_x == pytest.approx(-np.pi / 2, abs=1e-6)


def test_predict_reads_them_with_noise_and_lost_pixels(first):
    folder, own = first
    cutouts, skipped = read_cutouts(folder, 20, 0.1)
    assert skipped == [] and [c.name for c in cutouts] == [f"{index:06d}" for index in range(5, 11)]
    lost = own.masks["mask"][1, 0, 0]
    np.testing.assert_allclose(cutouts[1].image[~lost], own.images["images"][1, 0, 0][~lost], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(cutouts[1].filled, lost)
    noise = inverse_variance(own)["images"][1, 0, 0][~lost] ** -0.5
    np.testing.assert_allclose(cutouts[1].noise[~lost], noise, rtol=1e-5)
    assert "MASK" in cutouts[1].used and "IVAR" in cutouts[1].used


def test_pretraining_reads_them(first):
    folder, own = first
    found = image_folders.find(folder)
    assert len(found.files) == 6
    source = image_files.look(found.files[3][0])
    assert (source.layout.count, source.layout.bands) == (1, 1)
    image, expected = image_files.read(source, 0), own.images["images"][3, 0]
    np.testing.assert_allclose(image, expected, rtol=1e-6)
    assert np.isnan(image).any()


def test_views_are_files_and_bands_are_extensions(written, several_grids):
    folder, _, samples = written(several_grids, "fits", views=2, count=2)
    names = [f"00000{i}_{view}.fits" for i in range(2) for view in range(2)]
    assert sorted(path.name for path in (folder / "fits" / "000000").iterdir()) == names
    with fits.open(folder / "fits" / "000000" / "000001_1.fits") as hdus:
        assert hdus[0].header["VIEW"] == 1
        extensions = [f"{what}_{band}" for band in ("H", "Y", "VIS") for what in ("IMAGE", "IVAR", "MASK", "PSF")]
        assert [hdu.name for hdu in hdus[1:]] == extensions
        np.testing.assert_array_equal(hdus["IMAGE_Y"].data, samples[0].images["images_H-Y"][1, 1, 1])
        np.testing.assert_array_equal(hdus["IMAGE_VIS"].data, samples[0].images["images_VIS"][1, 1, 0])
        header = hdus["IMAGE_VIS"].header
        assert header["FILTER"] == "VIS" and header["MAGZERO"] == several_grids.bands["VIS"].magnitude_zero_point
        assert hdus[0].header["source_R_sersic"] == samples[0].labels["source_R_sersic"][1, 1]
        scales = [WCS(hdus[f"IMAGE_{band}"].header).proj_plane_pixel_scales()[0].to_value("arcsec") for band in "HY"]
        np.testing.assert_allclose(scales, 0.3)


def test_a_network_of_several_bands_finds_its_own(written, everything):
    folder, _, samples = written(everything, "fits", count=2)
    cutouts, _ = read_cutouts(folder / "fits" / "000000", 24, 0.16, bands=["g", "r"])
    lost = samples[0].masks["mask"][0, 0, 1]
    np.testing.assert_allclose(
        cutouts[0].image[0][~lost], samples[0].images["images"][0, 0, 1][~lost], rtol=1e-5, atol=1e-6
    )


def test_a_file_of_another_system_is_refused(written, lossy):
    folder, description, _ = written(lossy, "fits", count=4)
    place = folder / "fits" / "000000"
    (place / "000001.fits").write_bytes((place / "000002.fits").read_bytes())
    with pytest.raises(Unreadable, match=r"000001\.fits.*another system"):
        fits_shards.read(folder, description, lossy, description.shards[0])


def test_a_file_of_another_view_is_refused(written, lossy):
    folder, description, _ = written(lossy, "fits", count=4, views=2)
    place = folder / "fits" / "000000"
    (place / "000001_0.fits").write_bytes((place / "000001_1.fits").read_bytes())
    for read in (fits_shards.read, fits_shards.read_labels):
        with pytest.raises(Unreadable, match=r"000001_0\.fits.*another system or view"):
            read(folder, description, lossy, description.shards[0])


@pytest.mark.parametrize("names", [["g", "Ångström"], ["g", "x" * 45], ["g", "G"], ["g", "g "], ["a\nb"]])
def test_bands_that_are_no_names_of_extensions_are_refused(names):
    fits_shards.check(None, SimpleNamespace(bands=dict.fromkeys(["VIS", "Y", "H's", "x" * 44])))
    fits_shards.check(None, SimpleNamespace(bands={"": None}))
    with pytest.raises(ConfigError, match="fits: "):
        fits_shards.check(None, SimpleNamespace(bands=dict.fromkeys(names)))
