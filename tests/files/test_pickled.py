"""Pickles: names and plain arrays come out as they went in, and nothing else is ever run."""

import codecs
import pickle
import pickletools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from lenstream.files.pickled import read, unboxed
from lenstream.files.unreadable import Unreadable

from .layouts import Evaluates, RunsCommand, pickled

NAMES = st.lists(st.text(max_size=20), max_size=30)
PLAIN = st.sampled_from(["f4", ">f4", "f8", "i2", ">i8", "u1", "b1", "U7", "S3"])


def from_bytes(path, data):
    path.write_bytes(data)
    return read(path)


@settings(max_examples=60, deadline=None)
@given(NAMES, st.integers(0, 5))
def test_names_as_they_were(tmp_path_factory, names, protocol):
    path = pickled(tmp_path_factory.mktemp("p") / "a.pkl", names, protocol)
    assert read(path) == names


@settings(max_examples=60, deadline=None)
@given(st.data(), PLAIN, st.integers(0, 5), st.sampled_from("CF"))
def test_arrays_as_they_were(tmp_path_factory, data, dtype, protocol, order):
    shape = arrays_of.array_shapes(min_dims=0, max_dims=4, max_side=6)
    array = np.array(data.draw(arrays_of.arrays(dtype, shape)), order=order)
    made = unboxed(read(pickled(tmp_path_factory.mktemp("p") / "a.pkl", array, protocol)))
    np.testing.assert_array_equal(made, array)
    assert made.dtype == array.dtype


@pytest.mark.parametrize(
    "held",
    [
        {"train": ["a", "b"], "val": []},
        ("a", 1, 2.5, None, True, b"x" * 300, 2**70),
        {1: ["a"] * 5},
        [["a"], ["b", ["c"]]],
        "a" * 100_000,
        np.float32(1.5),
    ],
)
@pytest.mark.parametrize("protocol", range(6))
def test_other_plain_things(tmp_path, held, protocol):
    assert unboxed(read(pickled(tmp_path / "a.pkl", held, protocol))) == held


def test_sets_are_lists(tmp_path):
    assert sorted(read(pickled(tmp_path / "a.pkl", {"a", "b"}))) == ["a", "b"]
    assert sorted(read(pickled(tmp_path / "b.pkl", frozenset("ab")))) == ["a", "b"]


def reducing(*answer):
    return type("Reducing", (), {"__reduce__": lambda self: answer})()


def raw(*instructions):
    return b"\x80\x04" + b"".join(instructions) + b"."


def hostile(marker):
    """Pickles that would make the file `marker`, or harm in another way, by name."""
    command = f"touch {marker}"
    short = b"\x8c" + bytes([len(command)]) + command.encode()
    module = b"\x8c\x02os\x8c\x06system\x93"
    array = b"cnumpy.core.multiarray\n_reconstruct\n"
    run = module + short + b"\x85R"
    yield "os.system", pickle.dumps(RunsCommand(marker))
    yield "eval", pickle.dumps(Evaluates(marker))
    yield "in a list", pickle.dumps(["a", [RunsCommand(marker)]])
    yield "in an array", pickle.dumps(np.array([np.zeros(3), RunsCommand(marker)], dtype=object))
    yield "as a key", pickle.dumps({"train": {RunsCommand(marker): 1}})
    yield "protocol 0", pickle.dumps(RunsCommand(marker), 0)
    yield "by GLOBAL", raw(b"cposix\nsystem\n", short, b"\x85R")
    yield "by INST", raw(b"(", short, b"iposix\nsystem\n")
    yield "by OBJ", raw(b"(cposix\nsystem\n", short, b"o")
    yield "by NEWOBJ", raw(b"csubprocess\nPopen\n", short, b"\x85\x81")
    yield "before a good list", raw(run, b"0]")
    yield "after numpy's name", raw(array, module, short, b"\x85R\x86R")
    yield "an attribute of a known name", raw(b"\x8c\x05numpy\x8c\x0ecore.os.system\x93", short, b"\x85R")
    yield "numpy.f2py", raw(b"cnumpy.f2py.capi_maps\ngetinit\n", short, b"\x85R")
    yield "numpy.load", raw(b"cnumpy\nload\n", short, b"\x85R")
    yield "numpy.testing", raw(b"cnumpy.testing._private.utils\nrunstring\n", short, b"}\x86R")
    yield "codecs.decode", pickle.dumps(reducing(codecs.decode, ("x", "rot13")))
    yield "codecs by encode", raw(b"c_codecs\nencode\n\x8c\x01x\x8c\x05rot13\x86R")
    yield "copyreg", raw(b"ccopyreg\n__newobj__\nc_io\nBytesIO\n\x85R")
    yield "copyreg._reconstructor", raw(b"ccopyreg\n_reconstructor\n(cposix\nsystem\nc__builtin__\nobject\nNtR")
    yield "builtins.getattr", raw(b"cbuiltins\ngetattr\n", short, b"\x85R")
    yield "importlib", raw(b"cimportlib\nimport_module\n\x8c\x02os\x85R")
    yield "persistent", raw(b"\x8c\x01a\x51")
    yield "extension", raw(b"\x82\x01")
    yield "state of an array", raw(array, b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R", run, b"b")
    yield "state of a list", raw(b"]}\x8c\x05__x__\x4b\x01sb")
    yield "another class", raw(array, b"cposix\nsystem\nK\x00\x85C\x01b\x87R")
    yield "a name that is called twice", raw(b"cnumpy\ndtype\n", b"cnumpy\nndarray\n\x85R")


def test_nothing_is_run(tmp_path):
    marker = tmp_path / "ran"
    for name, data in hostile(marker):
        assert list(pickletools.genops(data)), name  # it is well formed
        with pytest.raises(Unreadable, match=r"it is a pickle that|it is a damaged pickle"):
            from_bytes(tmp_path / "a.pkl", data)
            pytest.fail(f"{name} was read")
        assert not marker.exists(), name


def test_the_sentence_names_what_is_asked_for(tmp_path):
    with pytest.raises(Unreadable, match=r"asks for posix\.system, which is never run"):
        read(pickled(tmp_path / "a.pkl", RunsCommand("x")))


def of_array(shape, dtype=b"\x8c\x02f8", data=b"C\x08" + bytes(8), fortran=b"\x89"):
    """A pickle of an array whose state says anything."""
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    kind = b"cnumpy\ndtype\n" + dtype + b"\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return raw(made, b"(K\x01", shape, kind, fortran, data, b"tb")


@pytest.mark.parametrize(
    "data",
    [
        of_array(b"K\x02\x85"),
        of_array(b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"\x85"),
        of_array(b"\x8a\x05" + (2**34).to_bytes(5, "little") * 1 + b"K\x00\x86"),
        of_array(b"J\xff\xff\xff\xff\x85"),
        of_array(b"K\x01\x85", dtype=b"\x8c\x0bf8,i4,(9,)f"),
        of_array(b"K\x01\x85", dtype=b"\x8c\x08U9999999"),
        of_array(b"K\x01\x85", data=b"]"),
        of_array(b"K\x01"),
        of_array(b"K\x01\x85", dtype=b"\x8c\x05f4,f4"),  # a record of as many bytes
        of_array(b"K\x01\x85", dtype=b"\x8c\x02O8", data=b"](K\x01K\x02e"),  # one object that is two
        raw(b"}(\x8c\x01aK\x01\x8c\x01bu"),  # a key without a value
        raw(b"r\xff\xff\xff\x7f"),  # a memo of 2^31 places
        raw(b"\x8e" + struct.pack("<Q", 1 << 60)),  # bytes that are not there
        raw(b"\x8d" + struct.pack("<Q", 1 << 60)),
        raw(b"\x8b\xff\xff\xff\x7f"),
        raw(b"I" + b"9" * 10_000 + b"\n"),
        raw(b"t"),
        raw(b"h\x07"),
        b"",
        b"\x80",
        b"not a pickle",
    ],
    ids=range(21),
)
def test_lies_about_size_are_refused_at_once(tmp_path, data):
    with pytest.raises(Unreadable):
        from_bytes(tmp_path / "a.pkl", data)


def test_a_good_array_by_hand(tmp_path):
    """The pickles above are refused for what is wrong in them alone."""
    data = of_array(b"K\x01\x85", data=b"C\x08" + struct.pack("<d", 2.5))
    np.testing.assert_array_equal(unboxed(from_bytes(tmp_path / "a.pkl", data)), [2.5])
    np.testing.assert_array_equal(pickle.loads(data), [2.5])


def test_a_list_in_itself_ends(tmp_path):
    held = []
    held.append(held)
    made = read(pickled(tmp_path / "a.pkl", held))
    assert made[0] is made


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_are_a_sentence_or_plain(tmp_path_factory, data):
    whole = pickle.dumps([np.arange(6.0).reshape(2, 3), 1.5, "name"], protocol=data.draw(st.integers(0, 5)))
    at, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("p") / "a.pkl"
    try:
        from_bytes(path, whole[:at] + bytes([byte]) + whole[at + 1 :])
    except Unreadable as error:
        assert "\n" not in str(error)


def test_every_instruction_is_known_or_refused():
    """None of pickle's instructions that call, look up or import by itself is followed."""
    from lenstream.files import pickled as module

    followed = {*module.VALUES, *module.CONSTANTS, *module.OPENING, *module.STORING, *module.FETCHING}
    dangerous = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER"}
    assert dangerous <= {op.name for op in pickletools.opcodes}
    assert not followed & dangerous


@pytest.mark.parametrize("n", [4096, 4104, 80_000])
def test_long_bytes_of_python_2(tmp_path, n):
    """Its str, which is also how it wrote the bytes of an array."""
    text = (bytes(range(256)) * (n // 256 + 1))[:n]
    written = b"T" + struct.pack("<i", n) + text
    assert from_bytes(tmp_path / "a.pkl", raw(written)) == text.decode("latin-1")
    data = of_array(b"J" + struct.pack("<i", n // 8) + b"\x85", data=written)
    assert unboxed(from_bytes(tmp_path / "a.pkl", data)).tobytes() == text
