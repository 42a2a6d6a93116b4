"""Arrays in npy, npz and Zarr files."""

import io
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Iterator

import numpy as np

from .cases import ACCEPT, MARKER, REFUSE, SIZE, Case, damaged, from_file, trained
from .images import lens


class Payload:
    """Unpickling it makes a file."""

    def __reduce__(self):
        return os.system, (f"touch {MARKER}",)


def npy(array, **keys) -> bytes:
    held = io.BytesIO()
    np.save(held, array, **keys)
    return held.getvalue()


def npz(**named) -> bytes:
    held = io.BytesIO()
    np.savez_compressed(held, **named)
    return held.getvalue()


def lying_npy(shape, dtype="<f4", body=b"\0" * 400) -> bytes:
    """An .npy whose header says any shape and type."""
    head = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body


def stack() -> np.ndarray:
    return np.stack([lens(k)[None] for k in range(8)])


def arrays(chance: random.Random) -> Iterator[Case]:
    """.npy and .npz of images to train on."""
    pickled = npy(np.array([Payload()], dtype=object), allow_pickle=True)
    more = [
        ("an array of objects", pickled, REFUSE),
        ("a pickle", pickle.dumps(Payload()), REFUSE),
        ("a type of objects", lying_npy((8, 48, 48), "|O", pickle.dumps(Payload())), REFUSE),
        ("a shape of 10^12", lying_npy((10**6, 1000, 1000)), REFUSE),
        ("a negative shape", lying_npy((-1, 48, 48)), REFUSE),
        ("a shape that overflows", lying_npy((2**40, 2**40, 48)), REFUSE),
        ("a shape that is code", lying_npy(f"__import__('os').system('touch {MARKER}')"), REFUSE),
        ("an unknown type", lying_npy((8, 48, 48), "<q9"), REFUSE),
        ("text", npy(np.full((8, 48, 48), "a")), REFUSE),
        ("complex", npy(stack().astype(complex)), REFUSE),
        ("records", npy(np.zeros((8, 48, 48), "f4,i4")), REFUSE),
        ("dates", npy(np.zeros((8, 48, 48), "M8[s]")), REFUSE),
        ("empty", npy(np.zeros((0, 48, 48))), REFUSE),
        ("a number", npy(np.float32(1)), REFUSE),
        ("NaN", npy(stack() * np.nan), REFUSE),
        ("constant", npy(stack() * 0 + 3), REFUSE),
        ("oblong", npy(stack()[:, :, :24]), REFUSE),
        ("8 axes", npy(np.zeros((1,) * 8)), REFUSE),
    ]

    def arguments(path):
        return trained(path.parent, f"pretrain.data={{path: {path.parent}}}", "evaluate=null")

    yield from from_file("arrays", "npy", npy(stack()), ".npy", arguments, chance, 40, more)
    more = [
        ("objects in a zip", zipped({"images.npy": pickled}), REFUSE),
        ("2 GB in a zip that claims 4", _npz_bomb, REFUSE),
        ("no array", zipped({"readme.txt": b"x"}), REFUSE),
        ("an empty zip", zipped({}), REFUSE),
        ("a name that leaves the folder", zipped({"../../images.npy": npy(stack())}), None),
        ("a label alone", npz(label=np.arange(8)), REFUSE),
        ("a zip in a zip", zipped({"images.npy": zipped({"images.npy": npy(stack())})}), REFUSE),
    ]
    yield from from_file("arrays", "npz", npz(images=stack()), ".npz", arguments, chance, 40, more)


def _npz_bomb(path):
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as file,
    ):
        file.write(lying_npy((1000, 1000, 1000)))
        for _ in range(40):
            file.write(bytes(50_000_000))


def zipped(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def zarr_groups(chance: random.Random) -> Iterator[Case]:
    """Zarr groups with damaged metadata or chunks."""
    for k in range(70):
        seed = chance.randrange(1 << 30)
        yield Case("Zarr", f"damaged {k}", lambda folder, seed=seed: _zarr(folder, random.Random(seed)))
    yield Case("Zarr", "good", lambda folder: _zarr(folder, None), ACCEPT)
    words = [("shape", [10**12, 48, 48], None), ("shape", [-1, 48, 48], REFUSE), ("data_type", "nonsense", REFUSE)]
    words += [("zarr_format", 9, REFUSE), ("codecs", [{"name": "nonsense"}], REFUSE), ("node_type", "group", REFUSE)]
    words += [
        ("shape", [8], REFUSE),
        ("data_type", "string", REFUSE),
        ("fill_value", "x", REFUSE),
        ("shape", 3, REFUSE),
    ]
    for key, value, expected in words:
        yield Case("Zarr", f"{key} = {value}", lambda f, k=key, v=value: _zarr(f, None, k, v), expected)


def _zarr(folder, chance, key=None, value=None):
    import json

    import zarr

    place = folder / "images.zarr"
    group = zarr.open_group(place, mode="w")
    group.create_array("images", shape=(8, 1, SIZE, SIZE), chunks=(4, 1, SIZE, SIZE), dtype="f4")[:] = stack()
    meta = place / "images" / "zarr.json"
    if key is not None:
        meta.write_text(json.dumps(json.loads(meta.read_text()) | {key: value}))
    if chance is not None:
        files = sorted(p for p in place.rglob("*") if p.is_file())
        file = chance.choice([meta, *files])
        if chance.random() < 0.15:
            file.unlink()
        else:
            file.write_bytes(damaged(file.read_bytes(), chance))
    return trained(folder, f"pretrain.data={{path: {place}}}", "evaluate=null")
