"""Data sets in the layouts of others: pickles, lists of splits, tables of labels, pairs, HDF5 and Parquet."""

import io
import pickle
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits

from .arrays import Payload, lying_npy, npy
from .cases import ACCEPT, REFUSE, Case, from_file
from .images import fits_bytes, lens

NAMES = [f"{name}/{k}.npy" for name in ("lenses", "nonlenses") for k in range(2)]


def layouts(chance: random.Random) -> Iterator[Case]:
    """What `lenstream inspect` is given."""
    yield from _object_arrays(chance)
    yield from _split_lists(chance)
    yield from _tables(chance)
    yield from _pairs(chance)
    yield from _containers(chance)
    yield from _folders()


def inspected(path: Path) -> list[str]:
    return ["inspect", str(path.parent)]


def _written(folder):
    """Four cut-outs in two classes."""
    for k, name in enumerate(NAMES):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(npy(lens(k)))


def _objects(*held) -> bytes:
    array = np.empty(len(held), dtype=object)
    array[:] = held
    return npy(array, allow_pickle=True)


def raw(*instructions: bytes) -> bytes:
    """An .npy of objects with a pickle made by hand."""
    return lying_npy("(2,)", "|O", b"\x80\x04" + b"".join(instructions) + b".")


def _object_arrays(chance):
    """DeepLense's [image, mass]."""
    touch = b"\x8c\x11touch payload_ran"
    more = [
        ("a payload as mass", _objects(lens(), Payload()), REFUSE),
        ("a payload as image", _objects(Payload(), 1.0), REFUSE),
        ("a payload alone", raw(b"cposix\nsystem\n", touch, b"\x85R"), REFUSE),
        ("INST", raw(b"(", touch, b"iposix\nsystem\n"), REFUSE),
        ("OBJ", raw(b"(cposix\nsystem\n", touch, b"o"), REFUSE),
        ("builtins.eval", raw(b"cbuiltins\neval\n", touch, b"\x85R"), REFUSE),
        ("numpy.f2py", raw(b"cnumpy.f2py.crackfortran\nmyeval\n", touch, b"\x85R"), REFUSE),
        ("numpy.testing", raw(b"cnumpy.testing._private.utils\nrunstring\n", touch, b"}\x86R"), REFUSE),
        ("a dotted name", raw(b"\x8c\x05numpy\x8c\x0ecore.os.system\x93", touch, b"\x85R"), REFUSE),
        ("codecs", raw(b"c_codecs\nencode\n\x8c\x01x\x8c\x03hex\x86R"), REFUSE),
        ("copyreg", raw(b"ccopyreg\n_reconstructor\n(cposix\nsystem\nc__builtin__\nobject\nNtR"), REFUSE),
        ("an extension", raw(b"\x82\x01"), REFUSE),
        ("a persistent id", raw(b"\x8c\x01a\x51"), REFUSE),
        ("a memo of 2^31", raw(b"]r\xff\xff\xff\x7f"), REFUSE),
        ("2^60 bytes", raw(b"\x8e" + (1 << 60).to_bytes(8, "little")), REFUSE),
        ("a number of 10^6 digits", raw(b"I" + b"9" * 1_000_000 + b"\n"), REFUSE),
        ("10^6 nested lists", raw(b"]" * 1_000_000 + b"a" * 999_999), REFUSE),
        ("10^6 nested tuples", raw(b")" + b"\x85" * 1_000_000), REFUSE),
        ("two images", _objects(lens(), lens()), REFUSE),
        ("words", _objects("a", "b"), REFUSE),
        ("an image of objects", _objects(np.array([None] * 4), 1.0), REFUSE),
    ]
    yield from from_file("layouts", "axion", _objects(lens().astype(float), 1e-23), ".npy", inspected, chance, 15, more)


def _split_lists(chance):
    """Pickles and texts that say which file is in which split."""

    def listed(held):
        return pickle.dumps(held)

    more = [
        ("a payload", listed([NAMES[0], Payload()]), REFUSE),
        ("a payload as a key", listed({Payload(): NAMES}), REFUSE),
        ("a payload in a set", listed({Payload(), "a"}), REFUSE),
        ("names that are not there", listed(["x.npy"]), REFUSE),
        ("a name in two classes", listed(["0.npy"]), REFUSE),
        ("numbers", listed([0.5, 1.5]), REFUSE),
        ("one word", listed("lenses/0.npy"), REFUSE),
        ("an array of names", listed(np.array(NAMES)), ACCEPT),
        ("1,000 dicts in one another", b"\x80\x04" + b"}\x8c\x01a" * 1000 + b"]" + b"s" * 1000 + b".", REFUSE),
    ]

    def written(folder):
        _written(folder)

    def arguments(path):
        path.rename(path.with_name(f"train{path.suffix}"))
        return inspected(path)

    yield from from_file("layouts", "split list", listed(NAMES[:2]), ".pkl", arguments, chance, 10, more, written)


def _tables(chance):
    """Labels by name."""
    good = ("name,theta_E\n" + "".join(f"{name},1.{k}\n" for k, name in enumerate(NAMES))).encode()
    more = [
        ("too few rows", b"name,theta_E\nlenses/0.npy,1\n", REFUSE),
        ("a name twice", good + b"lenses/0.npy,9\n", REFUSE),
        ("no names, too few rows", b"theta_E\n1\n2\n", REFUSE),
        ("other names", b"name,theta_E\na,1\nb,2\nc,3\nd,4\n", REFUSE),
        ("one name for all", b"id,theta_E\n0,1\n1,2\n", REFUSE),
        ("a spreadsheet", b"PK\x03\x04" + bytes(100), REFUSE),
    ]

    def arguments(path):
        path.rename(path.with_name(f"labels{path.suffix}"))
        return inspected(path)

    yield from from_file("layouts", "labels", good, ".csv", arguments, chance, 8, more, _written)


def _pairs(chance):
    """LenSiam's cubes."""
    cube = np.stack([lens(0), lens(1)])
    good = fits_bytes(fits.PrimaryHDU(cube, fits.Header({"THETA_E": 1.2, "E1": 0.1})))
    huge = fits.PrimaryHDU(np.zeros((2, 8, 8), np.float32), fits.Header({"THETA_E": 1.0})).header
    huge["NAXIS1"] = huge["NAXIS2"] = 10**6
    more = [
        ("a label that is a word", fits_bytes(fits.PrimaryHDU(cube, fits.Header({"THETA_E": "wide"}))), None),
        ("a label of NaN in a word", fits_bytes(fits.PrimaryHDU(cube, fits.Header({"THETA_E": "NaN"}))), None),
        ("10^12 pixels in its header", huge.tostring().encode(), REFUSE),
    ]

    def another(folder):
        (folder / "a.fits").write_bytes(good)

    yield from from_file("layouts", "pair", good, ".fits", inspected, chance, 10, more, another)


def _containers(chance):
    """HDF5 and Parquet files of images."""
    import h5py
    import pyarrow as pa
    from pyarrow import parquet

    images = np.stack([lens(k) for k in range(20)])
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "a.h5"
        with h5py.File(path, "w") as file:
            file["images"], file["theta_E"] = images, np.arange(20.0)
        whole = path.read_bytes()
        with h5py.File(path, "w") as file:
            file.create_dataset("images", (10**6, 10**4, 10**4), "f4", chunks=(1, 100, 100))
        hollow = path.read_bytes()
        with h5py.File(path, "w") as file:
            file["theta_E"] = np.arange(20.0)
        without = path.read_bytes()
    more = [("10^14 pixels that are not there", hollow, REFUSE), ("no images", without, REFUSE)]
    yield from from_file("layouts", "HDF5", whole, ".h5", inspected, chance, 15, more)
    held = io.BytesIO()
    rows = [{"flux": image[None].tolist(), "band": ["g"]} for image in images[:4]]
    parquet.write_table(pa.table({"image": rows, "theta_E": np.arange(4.0)}), held)
    ragged, empty = io.BytesIO(), io.BytesIO()
    parquet.write_table(pa.table({"image": [[[1.0] * 9] * 9 + [[1.0]]]}), ragged)
    parquet.write_table(pa.table({"image": pa.array([], pa.list_(pa.list_(pa.float32())))}), empty)
    more = [("rows of an image that differ", ragged.getvalue(), REFUSE), ("no rows", empty.getvalue(), REFUSE)]
    yield from from_file("layouts", "Parquet", held.getvalue(), ".parquet", inspected, chance, 15, more)


def _folders():
    """Folders in which something is missing."""

    def case(name, fill, expected):
        def make(folder):
            fill(folder)
            return ["inspect", str(folder)]

        return Case("layouts", f"folder: {name}", make, expected)

    plain = npy(lens())

    def put(folder, *names, data=plain):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    image = fits_bytes(fits.PrimaryHDU(lens()))
    bands = [f"EUC_{band}/image-{k}.fits" for band in ("VIS", "J") for k in (1, 2)]
    yield case("good", _written, ACCEPT)
    yield case("nothing", lambda f: None, REFUSE)
    yield case("LR and HR", lambda f: put(f, "LR/1.npy", "HR/1.npy"), ACCEPT)
    yield case("LR without HR of one", lambda f: put(f, "LR/1.npy", "LR/2.npy", "HR/1.npy"), REFUSE)
    yield case("bands", lambda f: put(f, *bands, data=image), ACCEPT)
    yield case("a system without a band", lambda f: put(f, *bands[:3], data=image), REFUSE)
    yield case("an archive.json of nothing", lambda f: put(f, "archive.json", data=b"{}"), REFUSE)
    yield case("a config.yaml of nothing", lambda f: put(f, "config.yaml", data=b"x: ["), REFUSE)
