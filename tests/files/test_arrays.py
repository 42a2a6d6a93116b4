"""NumPy's files: headers, arrays, and files that lie about their size or hold pickles."""

import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from lenstream.files import arrays
from lenstream.files.unreadable import Unreadable, reading

DTYPES = st.sampled_from(["f4", "<f8", ">f8", ">i2", "u1", "?", "U3"])


@settings(deadline=None, max_examples=40)
@given(array=st_numpy.arrays(DTYPES, st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0)))
def test_headers_and_arrays_are_those_written(tmp_path_factory, array):
    folder = tmp_path_factory.mktemp("arrays")
    np.save(folder / "a.npy", array)
    np.savez(folder / "a.npz", x=array, y=1)
    np.savez_compressed(folder / "b.NPZ", x=array)
    assert arrays.names(folder / "a.npy") == [""] and arrays.names(folder / "a.npz") == ["x", "y"]
    for path, name in ((folder / "a.npy", ""), (folder / "a.npz", "x"), (folder / "b.NPZ.npz", "x")):
        assert arrays.look(path, name) == (array.shape, array.dtype)
        read = arrays.read(path, name)
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


def test_mapped_and_unpacked_arrays_are_the_array(tmp_path):
    array = np.arange(60.0).reshape(3, 4, 5)
    np.savez_compressed(tmp_path / "a.npz", images=array)
    arrays.unpack(tmp_path / "a.npz", "images", tmp_path / "a.npy")
    mapped = arrays.mapped(tmp_path / "a.npy")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped[1], array[1])


def lying(path, shape):
    """An .npy file with 40 numbers and a header that says otherwise."""
    words = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words.encode() + bytes(320))


@pytest.mark.parametrize("shape", ["(41,)", "(1000000000, 1000000)", "(4294967296, 4294967296, 4)"])
def test_an_array_larger_than_its_file_is_refused_at_once(tmp_path, shape):
    lying(tmp_path / "a.npy", shape)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(tmp_path / "a.npy", "x.npy")
    for path, name in ((tmp_path / "a.npy", ""), (tmp_path / "a.npz", "x")):
        for function in (arrays.look, arrays.read):
            with pytest.raises(Unreadable, match="cut short"):
                function(path, name)


@settings(deadline=None, max_examples=40)
@given(kept=st.floats(0.0, 0.999), name=st.sampled_from(["a.npy", "a.npz"]))
def test_files_cut_short_are_refused(tmp_path_factory, kept, name):
    folder = tmp_path_factory.mktemp("cut")
    np.save(folder / "a.npy", np.ones(500))
    np.savez(folder / "a.npz", x=np.ones(500))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(kept * len(content))])
    with pytest.raises(Unreadable) as caught:
        arrays.read(folder / name, "x" if name == "a.npz" else "")
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_damage_inside_an_archive_is_a_sentence(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=5000))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 50] = bytes(50)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(Unreadable, match=r"a\.npz: cannot be read as npz"):
        arrays.read(tmp_path / "a.npz", "x")
    with pytest.raises(Unreadable, match=r"a\.npz: cannot be read as npz .*no item named"):
        arrays.look(tmp_path / "a.npz", "absent")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_nothing_is_unpickled(tmp_path):
    objects = np.array([Bomb(), Bomb()], dtype=object)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "a.npz", x=objects, y=np.ones(3))
    for path, name in ((tmp_path / "a.npy", ""), (tmp_path / "a.npz", "x")):
        for function in (arrays.look, arrays.read):
            with pytest.raises(Unreadable, match="it holds Python objects, a pickle, which are never opened"):
                function(path, name)
    with pytest.raises(Unreadable):
        arrays.mapped(tmp_path / "a.npy")
    np.testing.assert_array_equal(arrays.read(tmp_path / "a.npz", "y"), 1.0)  # what lies beside it can be read


def test_a_file_that_ends_too_early_is_said_to_be_cut_short():
    with (
        pytest.raises(Unreadable, match=r"a\.npz: cannot be read as npz \(it was cut short\)"),
        reading("a.npz", "npz"),
    ):
        raise EOFError


def test_an_archive_that_says_more_than_can_be_packed_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=np.random.default_rng(0).normal(size=(8, 8)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)  # size of the array in the archive's directory
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(Unreadable, match="more than can be packed so small"):
        arrays.look(tmp_path / "a.npz", "images")
