"""Image files: every format gives the same numbers, and nothing broken or pickled gets through."""

import gzip
import pickle
import shutil

import numpy as np
import pytest
import zarr
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.image_files import Layout, layout_of, look, read, unpack

RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def group(path, images, **options):
    root = zarr.create_group(str(path), zarr_format=3)
    root.create_array("images", data=images, **options)
    return path


def write(path, array):
    """One array as the file that its name asks for."""
    name = path.name
    if name.endswith(".npy"):
        np.save(path, array)
    elif name.endswith(".npz"):
        np.savez_compressed(path, images=array)
    elif name.endswith(".zarr"):
        group(path, array)
    else:
        fits.writeto(path, array)
    return path


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((20, 30), Layout((), 1, 20, 30, False)),
        ((3, 20, 30), Layout((), 3, 20, 30, False)),
        ((13, 20, 30), Layout((), 13, 20, 30, False)),
        ((20, 30, 3), Layout((), 3, 20, 30, True)),
        ((14, 20, 30), Layout((14,), 1, 20, 30, False)),
        ((500, 2, 20, 30), Layout((500,), 2, 20, 30, False)),
        ((500, 20, 30, 2), Layout((500,), 2, 20, 30, True)),
        ((2, 1, 20, 30), Layout((2,), 1, 20, 30, False)),
        ((5, 2, 3, 20, 30), Layout((5, 2), 3, 20, 30, False)),
        ((20,), None),
        ((20, 7), None),
        ((500, 7), None),
        ((0, 1, 20, 20), None),
        ((20, 20, 20, 20), None),
        ((2, 2, 2, 2, 20, 20), None),
    ],
)
def test_what_the_axes_are(shape, expected):
    assert layout_of(shape) == expected


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.fits", "a.fit", "a.fits.gz", "A.FITS"])
@pytest.mark.parametrize("shape", [(16, 20), (3, 16, 20), (16, 20, 3)])
def test_one_image(tmp_path, name, shape):
    array = numbers(*shape)
    source = look(write(tmp_path / name, array))
    image = read(source, 0)
    expected = array[None] if len(shape) == 2 else array if shape[0] == 3 else array.transpose(2, 0, 1)
    assert source.layout.count == 1
    assert image.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.fits", "a.fits.gz", "a.zarr"])
@pytest.mark.parametrize("shape", [(20, 2, 16, 18), (20, 16, 18, 2), (20, 16, 18)])
def test_a_stack(tmp_path, name, shape):
    array = numbers(*shape)
    source = look(write(tmp_path / name, array))
    assert source.layout.count == 20
    for k in (0, 7, 19):
        expected = {(2, 16): array[k], (16, 18): array[k][None]}.get(shape[1:3])
        expected = array[k].transpose(2, 0, 1) if shape[-1] == 2 else expected
        np.testing.assert_array_equal(read(source, k), expected)


def test_views_are_images_of_their_own(tmp_path):
    array = numbers(4, 2, 3, 16, 16)
    source = look(group(tmp_path / "a.zarr", array, chunks=(2, 2, 3, 16, 16)))
    assert source.layout.count == 8
    np.testing.assert_array_equal(read(source, 5), array[2, 1])


COMMON = [">f4", "<f8", ">f8", ">i2", "u1"]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(n, d) for n in ("a.npy", "a.fits", "a.zarr") for d in COMMON + (["f2", "?"] if n != "a.fits" else [])],
)
def test_numbers_of_every_type_become_native_float32(tmp_path, name, dtype):
    array = (numbers(3, 16, 16) * 100).astype(dtype)
    image = read(look(write(tmp_path / name, array[None] if name == "a.zarr" else array)), 0)
    assert image.dtype == np.float32 and image.dtype.isnative
    np.testing.assert_array_equal(image, array.astype(np.float32))


def test_fits_scaling_blanks_and_extensions(tmp_path):
    counts = RNG.integers(0, 60000, (16, 16)).astype(np.uint16)
    extensions = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])])]
    fits.HDUList([*extensions, fits.ImageHDU(counts)]).writeto(tmp_path / "scaled.fits")
    np.testing.assert_array_equal(read(look(tmp_path / "scaled.fits"), 0)[0], counts.astype(np.float32))
    unsigned = fits.PrimaryHDU(counts)
    unsigned.header["BLANK"] = int(counts[2, 3]) - 32768  # as stored
    unsigned.writeto(tmp_path / "unsigned.fits")
    expected = np.where(counts == counts[2, 3], np.nan, counts)
    np.testing.assert_array_equal(read(look(tmp_path / "unsigned.fits"), 0)[0], expected.astype(np.float32))
    blank = fits.PrimaryHDU(np.where(counts == counts[2, 3], -99, 5).astype(np.int16))
    blank.header["BLANK"] = -99
    blank.writeto(tmp_path / "blank.fits")
    assert np.isnan(read(look(tmp_path / "blank.fits"), 0)[0, 2, 3])
    whole = RNG.integers(0, 100, (64, 64)).astype(np.int16)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(whole)]).writeto(tmp_path / "packed.fits")
    np.testing.assert_array_equal(read(look(tmp_path / "packed.fits"), 0)[0], whole)


def test_pixels_that_hold_no_flux_are_nan(tmp_path):
    array = numbers(16, 16).astype(float)
    array[0, :5] = np.nan, np.inf, -np.inf, 1e300, -1e30
    image = read(look(write(tmp_path / "a.npy", array)), 0)
    assert np.isnan(image[0, 0, :5]).all() and np.isnan(image).sum() == 5


def test_the_image_of_a_file_with_a_noise_map_is_found_by_name(tmp_path):
    image, noise = numbers(16, 16), np.abs(numbers(16, 16))
    parts = [fits.ImageHDU(noise, name="NOISE"), fits.ImageHDU(image, name="IMAGE")]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read(look(tmp_path / "a.fits"), 0)[0], image)


def test_the_array_of_an_archive(tmp_path):
    image, other = numbers(16, 16), numbers(16, 16)
    for name in ("images", "image"):
        np.savez(tmp_path / f"{name}.npz", other=other, **{name: image})
        np.testing.assert_array_equal(read(look(tmp_path / f"{name}.npz"), 0)[0], image)
    np.savez(tmp_path / "only.npz", label=np.arange(3), zebra=image)
    source = look(tmp_path / "only.npz")
    np.testing.assert_array_equal(read(source, 0)[0], image)
    assert source.used == "array zebra; not used: label"
    np.savez(tmp_path / "stack.npz", label=np.arange(20), data=numbers(20, 16, 16), z=numbers(20, 16, 16))
    assert look(tmp_path / "stack.npz").layout.count == 20
    np.savez(tmp_path / "several.npz", zebra=image, apple=other)
    with pytest.raises(DataError, match=r"holds 2 arrays that may be images, zebra, apple; expected one called images"):
        look(tmp_path / "several.npz")


def test_an_unpacked_archive_gives_the_same_images(tmp_path):
    array = numbers(20, 1, 16, 16)
    source = look(write(tmp_path / "a.npz", array))
    unpack(source, tmp_path / "unpacked.npy")
    np.testing.assert_array_equal(read(source, 7, tmp_path / "unpacked.npy"), array[7])


def test_a_file_that_changed_is_looked_at_again(tmp_path):
    path = write(tmp_path / "a.npy", numbers(16, 16))
    assert look(path).layout.bands == 1
    write(path, numbers(3, 16, 16))
    assert look(path).layout.bands == 3


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_nothing_is_unpickled(tmp_path):
    objects = np.empty(2, dtype=object)
    objects[:] = Bomb()
    np.save(tmp_path / "objects.npy", objects)
    np.savez(tmp_path / "objects.npz", images=objects)
    for name in ("objects.npy", "objects.npz"):
        with pytest.raises(
            DataError,
            match=rf"{name}: cannot be read as np. \(it holds Python objects, a pickle, which are never opened",
        ):
            look(tmp_path / name)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match=r"raw.npy: cannot be read as npy"):
        look(tmp_path / "raw.npy")
    (tmp_path / "a.zarr").mkdir()
    zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2).create_array("images", data=numbers(2, 1, 16, 16))
    with pytest.raises(DataError, match=r"cannot be read as Zarr v3"):  # version 2 may name pickle as a codec
        look(tmp_path / "a.zarr")


def test_a_file_swapped_for_a_pickle_after_the_look_is_not_opened(tmp_path):
    sources = [look(write(tmp_path / name, numbers(16, 16))) for name in ("a.npy", "a.npz")]
    objects = np.empty(2, dtype=object)
    objects[:] = Bomb()
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "a.npz", images=objects)
    for source in sources:
        with pytest.raises(DataError, match=r"a.np.: cannot be read"):
            read(source, 0)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.fits"])
def test_files_cut_short_are_found_by_looking(tmp_path, name):
    path = write(tmp_path / name, numbers(64, 64))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(DataError, match=rf"{name}: cannot be read"):
        look(path)


def test_damage_behind_the_header_is_found_by_reading(tmp_path):
    path = write(tmp_path / "a.fits.gz", numbers(64, 64))
    source = look(path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:5000]))
    with pytest.raises(DataError, match=r"a.fits.gz: cannot be read as FITS"):
        read(source, 0)


def test_files_without_an_image(tmp_path):
    (tmp_path / "text.fits").write_text("no FITS")
    np.savez(tmp_path / "empty.npz")
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "empty.fits")
    np.save(tmp_path / "table.npy", numbers(500, 7))
    np.save(tmp_path / "complex.npy", numbers(16, 16) * 1j)
    np.save(tmp_path / "columns.npy", np.zeros((16, 16), dtype=[("a", "f4")]))
    group(tmp_path / "a.zarr", numbers(2, 1, 16, 16))
    shutil.move(tmp_path / "a.zarr" / "images", tmp_path / "a.zarr" / "pictures")
    for name, words in {
        "text.fits": "cannot be read as FITS",
        "empty.npz": "it holds no array",
        "empty.fits": "it holds no image",
        "table.npy": r"shape \(500, 7\) is no image",
        "complex.npy": "holds complex64, expected real numbers",
        "columns.npy": "expected real numbers",
        "a.zarr": r"cannot be read as Zarr v3 group with an array images \(it holds pictures\)",
        "none.npy": "cannot be read as npy",
    }.items():
        with pytest.raises(DataError, match=rf"{name}: .*{words}"):
            look(tmp_path / name)
