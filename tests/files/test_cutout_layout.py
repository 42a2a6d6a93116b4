"""Cut-outs of lenses in FITS files: the layouts of the surveys give the same image, noise and good pixels."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.cutout_layout import read_planes

RNG = np.random.default_rng(0)


def write(path, **planes):
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in planes.items()]
    fits.HDUList([fits.PrimaryHDU(header=fits.Header({"PIXSCALE": 0.05})), *hdus]).writeto(path)
    return path


def test_parts_are_found_whatever_their_order(tmp_path):
    image, noise, light = RNG.normal(size=(3, 12, 14)).astype(">f4")
    mask = (RNG.random((12, 14)) > 0.97).astype(np.uint8)
    mask[5:8, 5:9] = 0
    path = write(tmp_path / "a.fits", ERR=noise, LENSLIGHT=light, MASK=mask, OTHER=np.ones((3, 3)), SCI=image)
    planes = read_planes(path)
    for plane, expected in ((planes.image, image), (planes.noise, noise), (planes.light, light)):
        np.testing.assert_array_equal(plane, expected)
        assert plane.dtype == np.float64
    np.testing.assert_array_equal(planes.good, (mask == 0) & (noise > 0))
    assert planes.headers[0]["EXTNAME"] == "SCI" and planes.headers[1]["PIXSCALE"] == 0.05
    assert planes.ignored == ("OTHER",)


def test_of_one_band_the_image_without_background_counts(tmp_path):
    image, rms = RNG.normal(size=(12, 14)), np.ones((12, 14))
    path = write(tmp_path / "a.fits", VIS=image + 9, VIS_BGSUB=image, VIS_RMS=rms, VIS_BGMOD=rms * 9)
    planes = read_planes(path)
    np.testing.assert_array_equal(planes.image, image)
    assert planes.ignored == ("VIS", "VIS_BGMOD")


def test_one_plain_image(tmp_path):
    image = RNG.normal(size=(12, 14))
    fits.writeto(tmp_path / "a.fits", image)
    planes = read_planes(tmp_path / "a.fits")
    assert planes.noise is None and planes.light is None and planes.good.all() and planes.ignored == ()
    np.testing.assert_array_equal(planes.image, image)


@pytest.mark.parametrize(
    ("planes", "message"),
    [
        ({}, "it holds no image of a lens: expected an extension IMAGE"),
        (
            {"IMAGE": np.zeros((2, 9, 9))},
            r"its image is a cube of 2 bands or images, shape \(2, 9, 9\), and the network was trained on one",
        ),
        ({"IMAGE": np.zeros((9, 9)), "NOISE": np.ones((9, 8))}, r"its noise \(NOISE\) has shape \(9, 8\)"),
    ],
)
def test_what_is_no_cutout(tmp_path, planes, message):
    with pytest.raises(DataError, match=message):
        read_planes(write(tmp_path / "a.fits", **planes))
    with pytest.raises(DataError, match=r"^it cannot be read as FITS \(there is no such file\)\.$"):
        read_planes(tmp_path / "none.fits")


N = 32
RMS = RNG.uniform(0.04, 0.06, (N, N))
BAD = np.zeros((N, N), bool)
BAD[3, 4:9] = BAD[28, 28] = True
LENS = np.exp(-(((np.hypot(*np.mgrid[-15.5:16, -15.5:16]) - 8) / 2) ** 2))
IMAGE = np.where(BAD, 60.0, LENS + RNG.normal(0, RMS))  # bad pixels would be seen
ARCS = np.where(LENS > 0.2, 32, 0)  # what is detected
WEIGHT = np.where(BAD, 0, RMS**-2)
MP = {"MP_BAD": 0, "MP_SAT": 1, "MP_CR": 3, "MP_DETECTED": 5}


def hdus(primary, *parts):
    """An HDU list of extensions: (name, array, header) each; primary: the first header, or an array."""
    first = fits.PrimaryHDU(header=fits.Header(primary)) if isinstance(primary, dict) else fits.PrimaryHDU(primary)
    return fits.HDUList([first, *(fits.ImageHDU(a, fits.Header(*h), name=name) for name, a, *h in parts)])


LAYOUTS = {
    "ours": hdus({}, ("IMAGE", IMAGE), ("NOISE", RMS), ("MASK", BAD.astype("u1"))),
    "noise first": hdus({}, ("NOISE", RMS), ("MASK", BAD.astype("u1")), ("IMAGE", IMAGE)),
    "HST drizzled": hdus({"TELESCOP": "HST"}, ("SCI", IMAGE), ("WHT", WEIGHT), ("CTX", np.ones((N, N), "i4"))),
    "HST IVM": hdus({}, ("SCI", IMAGE), ("IVM", WEIGHT)),
    "HST pipeline": hdus({"TELESCOP": "HST"}, ("SCI", IMAGE), ("ERR", RMS), ("DQ", BAD.astype("i2") * 4096)),
    "JWST": hdus(
        {"TELESCOP": "JWST"},
        ("SCI", IMAGE, {"BUNIT": "MJy/sr"}),
        ("ERR", RMS),
        ("DQ", np.where(BAD, 1, 4).astype("u4")),
        ("VAR_POISSON", RMS**2),
    ),
    "JWST variances": hdus(
        {}, ("SCI", IMAGE), ("VAR_POISSON", RMS**2 / 4), ("VAR_RNOISE", 3 * RMS**2 / 4), ("DQ", BAD.astype("i4"))
    ),
    "HSC": hdus({}, ("IMAGE", IMAGE), ("MASK", ARCS | np.where(BAD, 8, 0), MP), ("VARIANCE", RMS**2)),
    "HSC without MP": hdus({}, ("IMAGE", IMAGE), ("MASK", ARCS | np.where(BAD, 2, 0)), ("VARIANCE", RMS**2)),
    "Euclid": hdus(
        {}, ("VIS_RMS", RMS), ("VIS_BGSUB", IMAGE), ("VIS_FLAG", np.where(BAD, 9, 1 << 18)), ("VIS_PSF", RMS)
    ),
    "DES": hdus({}, ("SCI", IMAGE), ("MSK", np.where(BAD, 1, 32)), ("WGT", WEIGHT)),
    "DECaLS": hdus(IMAGE, ("", WEIGHT, {"IMTYPE": "invvar"}), ("", np.where(BAD, 32, 1), {"IMTYPE": "maskbits"})),
    "IVAR": hdus(IMAGE, ("IVAR", WEIGHT)),
    "ESO": hdus(
        {}, ("DATA", IMAGE), ("STAT", RMS**2, {"HDUCLAS2": "ERROR", "HDUCLAS3": "MSE"}), ("DQ", BAD.astype("i4"))
    ),
    "NDData": hdus(IMAGE, ("MASK", BAD.astype("u1")), ("UNCERT", RMS)),
    "names": hdus({}, ("sci_f814w", IMAGE), ("err_f814w", RMS), ("dq_f814w", BAD.astype("i4"))),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_surveys_give_the_same_planes(tmp_path, layout):
    LAYOUTS[layout].writeto(tmp_path / "a.fits")
    planes = read_planes(tmp_path / "a.fits")
    np.testing.assert_array_equal(planes.good, ~BAD)
    np.testing.assert_array_equal(planes.image[~BAD], IMAGE[~BAD])
    np.testing.assert_allclose(planes.noise[~BAD], RMS[~BAD], rtol=1e-12)


def test_what_was_used_and_what_was_not_is_said(tmp_path):
    LAYOUTS["HST drizzled"].writeto(tmp_path / "a.fits")
    LAYOUTS["HSC"].writeto(tmp_path / "b.fits")
    LAYOUTS["Euclid"].writeto(tmp_path / "c.fits")
    a, b, c = (read_planes(tmp_path / name) for name in ("a.fits", "b.fits", "c.fits"))
    assert a.used == "image SCI; noise 1/sqrt(WHT); bad pixels where WHT is 0" and a.ignored == ("CTX",)
    assert b.used == "image IMAGE; bad pixels MASK (planes by the header: BAD, SAT, CR); noise sqrt(VARIANCE)"
    assert c.ignored == ("VIS_PSF",)


def test_an_exposure_map_gives_bad_pixels_alone(tmp_path):
    hdus({}, ("SCI", IMAGE), ("WHT", np.where(BAD, 0.0, 2000.0))).writeto(tmp_path / "a.fits")
    planes = read_planes(tmp_path / "a.fits")
    assert planes.noise is None and "WHT for bad pixels alone" in planes.used
    np.testing.assert_array_equal(planes.good, ~BAD)


def test_electrons_become_electrons_a_second_with_their_noise(tmp_path):
    header = {"BUNIT": "ELECTRONS", "EXPTIME": 500.0}
    hdus(header, ("SCI", 500 * IMAGE), ("IVM", WEIGHT / 500**2), ("LENSLIGHT", 500 * LENS)).writeto(tmp_path / "a.fits")
    planes = read_planes(tmp_path / "a.fits")
    for plane, expected in ((planes.image, IMAGE), (planes.noise, RMS), (planes.light, LENS)):
        np.testing.assert_allclose(plane[~BAD], expected[~BAD], rtol=1e-12)


def test_a_lens_in_several_files(tmp_path):
    planes = {"data": IMAGE, "noise_map": RMS, "psf": RMS, "mask": BAD.astype("u1")}
    for name, plane in planes.items():
        fits.writeto(tmp_path / f"{name}.fits", plane)
    planes = read_planes([tmp_path / f"{name}.fits" for name in planes])
    np.testing.assert_array_equal(planes.good, ~BAD)
    np.testing.assert_array_equal(planes.noise, RMS)
    assert planes.ignored == ("psf.fits",)
    with pytest.raises(DataError, match="by its name it is a noise, and there is no image"):
        read_planes(tmp_path / "noise_map.fits")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            hdus({}, ("A", IMAGE), ("B", RMS)),
            "it holds 2 images, and their names do not say which .* A of 32 x 32 .* B of",
        ),
        (hdus(IMAGE, ("", RMS)), "it holds 2 images"),
        (hdus({}, ("SCI", IMAGE), ("SCI", RMS)), "it holds 2 images.* SCI,1 .* SCI,1"),
        (hdus({}, ("VIS_BGSUB", IMAGE), ("NIR_Y_BGSUB", IMAGE)), "VIS_BGSUB of .* NIR_Y_BGSUB of"),
        (hdus({}, ("NOISE", RMS)), "it holds no image of a lens: .* it has NOISE"),
        (hdus({}, ("IMAGE", IMAGE), ("NOISE", RMS), ("MASK", (~BAD).astype("u1"))), "expected 0 where a pixel is good"),
        (hdus({}, ("IMAGE", IMAGE, {"BUNIT": "mag"})), "its BUNIT is mag"),
        (hdus({}, ("IMAGE", np.zeros((2, 2, 9, 9)))), r"its image has 4 axes, shape \(2, 2, 9, 9\)"),
    ],
)
def test_what_is_ambiguous_is_one_sentence(tmp_path, file, message):
    file.writeto(tmp_path / "a.fits")
    with pytest.raises(DataError, match=message):
        read_planes(tmp_path / "a.fits")


TWO = np.stack([IMAGE, 2 * IMAGE])
BANDS = {
    "a cube": hdus({}, ("IMAGE", TWO), ("NOISE", np.stack([RMS, 2 * RMS])), ("MASK", BAD.astype("u1"))),
    "a cube with names": hdus(
        {"BANDS": "rg"}, ("IMAGE", TWO[::-1]), ("NOISE", np.stack([2 * RMS, RMS])), ("MASK", BAD.astype("u1"))
    ),
    "more bands than needed": hdus(
        {"BAND0": "z", "BAND1": "g", "BAND2": "r"},
        ("IMAGE", np.stack([RMS, *TWO])),
        ("NOISE", np.stack([RMS, RMS, 2 * RMS])),
        ("MASK", BAD.astype("u1")),
    ),
    "an extension a band": hdus(
        {},
        ("IMAGE_R", 2 * IMAGE),
        ("NOISE_R", 2 * RMS),
        ("IMAGE_G", IMAGE),
        ("NOISE_G", RMS),
        ("MASK", BAD.astype("u1")),
    ),
    "bands in headers": hdus(
        {},
        ("SCI", 2 * IMAGE, {"FILTER": "HSC-R", "EXTVER": 2}),
        ("ERR", 2 * RMS, {"FILTER": "HSC-R", "EXTVER": 2}),
        ("SCI", IMAGE, {"FILTER": "HSC-G", "EXTVER": 1}),
        ("ERR", RMS, {"FILTER": "HSC-G", "EXTVER": 1}),
        ("MASK", BAD.astype("u1")),
    ),
}


@pytest.mark.parametrize("layout", BANDS)
def test_bands_come_by_name_or_in_order(tmp_path, layout):
    BANDS[layout].writeto(tmp_path / "a.fits")
    planes = read_planes(tmp_path / "a.fits", ("g", "LSST_r"))
    np.testing.assert_array_equal(planes.image[:, ~BAD], TWO[:, ~BAD])
    np.testing.assert_array_equal(planes.noise[:, ~BAD], np.stack([RMS, 2 * RMS])[:, ~BAD])
    np.testing.assert_array_equal(planes.good, [~BAD, ~BAD])
    assert ("in the order" if layout == "a cube" else "by name") in planes.used


def test_the_one_band_of_a_network_is_found_by_name(tmp_path):
    hdus({}, ("NIR_Y_BGSUB", RMS), ("VIS_BGSUB", IMAGE), ("VIS_RMS", RMS)).writeto(tmp_path / "a.fits")
    planes = read_planes(tmp_path / "a.fits", ("Euclid/VIS",))
    np.testing.assert_array_equal(planes.image, IMAGE)
    assert planes.ignored == ("NIR_Y_BGSUB",)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (hdus({}, ("IMAGE", IMAGE)), r"it holds 1 band, and the network was trained on 2 \(g, r\): expected a cube"),
        (hdus({}, ("IMAGE", np.zeros((10, 9, 9)))), "it holds 10 bands, and the network was trained on 2"),
        (hdus({}, ("IMAGE_I", IMAGE), ("IMAGE_Z", IMAGE)), r"it holds 2 bands \(I, Z\), and the network"),
        (hdus({}, ("IMAGE_G", IMAGE), ("IMAGE_R", RMS[:30])), r"have the shapes \(32, 32\), \(30, 32\)"),
        (hdus({}, ("IMAGE", TWO), ("NOISE", RMS)), "its noise NOISE has one band, and its image 2"),
        (hdus({}, ("IMAGE_G", IMAGE), ("IMAGE_R", IMAGE), ("NOISE_G", RMS)), "only some of its bands have a noise"),
    ],
)
def test_bands_that_are_not_those_of_the_network(tmp_path, file, message):
    file.writeto(tmp_path / "a.fits")
    with pytest.raises(DataError, match=message):
        read_planes(tmp_path / "a.fits", ("g", "r"))


def test_of_many_images_a_few_are_named(tmp_path):
    many = [fits.PrimaryHDU(), *[fits.ImageHDU(np.ones((16, 16), "f4")) for _ in range(60)]]
    fits.HDUList(many).writeto(tmp_path / "many.fits")
    with pytest.raises(DataError, match=r"it holds 60 images, .* and 54 more") as caught:
        read_planes(tmp_path / "many.fits")
    assert len(str(caught.value)) < 500
