"""Malformed inputs for benchmarks/faults.py: by rule from good ones, with a seed, and lists made by hand."""

import gzip
import io
import os
import pickle
import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from lenstream.configs.key_list import ENTRY, LAW, NAME, every_key
from lenstream.configs.recipes import _FOLDER

ACCEPT, REFUSE = "accept", "refuse"
SIZE = 48  # pixels of images on a side
SCALE = 0.08  # arcsec, of a pixel
MARKER = "payload_ran"  # a hostile payload would make a file of this name in the folder of its case
# A recipe whose check reads images: of real lenses, or of a folder to train on.
TRAINED = """extends: w1
pretrain: {backbone: {name: test_resnet}, steps: 2, batch_size: 4, accelerator: cpu, encoders: {a: {method: simsiam}}}
evaluate: {targets: [theta_E, gamma], n_labels: [10], n_test: 20, seeds: 1, limit: false}
"""


@dataclass(frozen=True)
class Case:
    """One input. `make` writes its files into a folder and gives the arguments of `lenstream`."""

    kind: str
    name: str
    make: Callable[[Path], list[str]]
    expected: str | None = None  # ACCEPT or REFUSE where it is known


def every_case(seed: int = 0) -> list[Case]:
    """All cases, the same for a seed."""
    chance = random.Random(seed)
    made = (yaml_recipes, overrides, images, training_folders, arrays, tables, catalogues, zarr_groups, psfs, maps)
    return [case for cases in (*made, galaxies, weights, strange_places) for case in cases(chance)]


# What is done to a good file --------------------------------------------------------------------------------------


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes that were cut short, overwritten, moved, doubled or emptied in some place."""
    kind, at = chance.randrange(8), chance.randrange(len(data))
    span = chance.choice((1, 1, 4, 16, 100, 2880))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + chance.randbytes(span) + data[at + span :]
    if kind == 2:
        return data[:at] + chance.randbytes(span) + data[at:]
    if kind == 3:
        return data[:at] + data[at + span :]
    if kind == 4:
        return data[:at] + bytes(span) + data[at + span :]
    if kind == 5:
        head = chance.randrange(min(len(data), 400))  # where formats say what they hold
        return data[:head] + chance.randbytes(1) + data[head + 1 :]
    if kind == 6:
        numbers = list(re.finditer(rb"\d+", data[:4000]))
        if numbers:
            found = chance.choice(numbers)
            other = chance.choice((b"0", b"-1", b"9" * len(found[0]), b"1" + found[0], b"1e9", b"nan"))
            return data[: found.start()] + other + data[found.end() :]
    return chance.choice((b"", b"\0" * 100, b"not what it says\n" * 9, data + data, data[::-1], chance.randbytes(3000)))


def from_file(kind, name, good, suffix, arguments, chance, count, more=(), prepare=None) -> Iterator[Case]:
    """Cases of one kind of file: a good one, `count` damaged ones, and others by name.

    good: bytes. suffix: of the file. arguments: path -> arguments. more: triples of a name, bytes or a function that
    writes to a path, and what is expected. prepare: writes what else is needed into the folder.
    """

    def case(label, content, expected, end=suffix):
        def make(folder):
            if prepare is not None:
                prepare(folder)
            path = folder / f"file{end}"
            content(path) if callable(content) else path.write_bytes(content)
            return arguments(path)

        return Case(kind, f"{name}: {label}", make, expected)

    yield case("good", good, ACCEPT)
    for k in range(count):
        yield case(f"damaged {k}", damaged(good, chance), None)
    for label, content, expected in more:
        yield case(label, content, expected)


def config_of(*changes, recipe="w1"):
    """Arguments that check a config, as `run` does before it trains."""
    return ["config", recipe, *changes]


def trained(folder: Path, *changes):
    (folder / "trained.yaml").write_text(TRAINED)
    return config_of(*changes, recipe=str(folder / "trained.yaml"))


# YAML and overrides -----------------------------------------------------------------------------------------------

WORDS = (
    "yes on 0123 20:00 0x1F 1_000 2024-13-45 null ~ .nan -.inf 1e999 1e-300 1e300 '' '1.5' [a] {a:1} - ? > @ ` % ² é "
    "-1 0 1.5 true &a *x ' \" [ { | !!python/object/apply:os.system !!set 9999999999999999999999 -0 1e-17 100000"
)
VALUES = [
    *WORDS.split(" "),
    "!!float abc",
    "!!binary aGk=",
    "9" * 5000,
    "[" * 900 + "]" * 900,
    "x" * 300,
    "\x01",
    "[[1, 2], 3]",
    "{uniform: [2, 1]}",
    "{uniform: [.nan, 1]}",
    "{uniform: [-1e308, 1e308]}",
    "{mixture: []}",
    "{mixture: [{weight: 0, normal: [0, 1]}]}",
    "{truncnormal: [100, .001, 1.6, 2.4]}",
    "{loguniform: [0, 1]}",
    "{table: {file: /dev/zero, column: y}}",
    "{table: {file: /etc, column: y}}",
    "{follow: {parameter: lens_mass.0.theta_E, factor: 1e300}}",
    "{follow: {parameter: lens_mass.9.theta_E}}",
    "{rayleigh: [1, 2]}",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "../../../../../../etc/passwd",
    "a\u202eb",
]
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12)
)


def mutant(text: str, chance: random.Random) -> str:
    """A recipe's text with a line doubled, gone or indented otherwise, or another value, key or character."""
    kind, lines = chance.randrange(7), text.split("\n")
    k, at = chance.randrange(len(lines)), chance.randrange(len(text))
    values, keys = list(re.finditer(r": ([^\s{}\[\],#]+)", text)), list(re.finditer(r"([A-Za-z_0-9]+):", text))
    if kind == 0:
        return "\n".join([*lines[:k], lines[k], *lines[k:]])
    if kind == 1:
        return "\n".join([*lines[:k], " " * chance.randrange(6) + lines[k].strip(), *lines[k + 1 :]])
    if kind == 2:
        return text[:at] + chance.choice("[]{}:,'\"&*!|>%@`\t\n-#\x00\x7f²\u2028") + text[at + 1 :]
    if kind == 3:
        return text[:at] + text[at + chance.randrange(1, 30) :]
    found = chance.choice(keys if kind == 4 else values)
    other = chance.choice(("seed", "profile", "only", "follow", "<<", "1", "null", "x" * 99) if kind == 4 else VALUES)
    return text[: found.start(1)] + other + text[found.end(1) :]


def yaml_recipes(chance: random.Random) -> Iterator[Case]:
    """Recipes with something broken."""
    good = (_FOLDER / "w1.yaml").read_text()
    texts = [(f"mutant {k}", mutant(good, chance), None) for k in range(110)]
    for k in range(70):
        text = (_FOLDER / f"{chance.choice(('demo', 'lens_finding', 'deeplense_model_2', 'tiny'))}.yaml").read_text()
        texts.append((f"mutant of others {k}", mutant(mutant(text, chance), chance), None))
    tag = f'!!python/object/apply:os.system ["touch {MARKER}"]'
    texts += [
        ("good", good, ACCEPT),
        ("empty", "", REFUSE),
        ("a list", "- 1\n- 2\n", REFUSE),
        ("a word", "demo", REFUSE),
        ("aliases that grow", BOMB, REFUSE),
        ("aliases in a recipe", BOMB + good, REFUSE),
        ("an alias of itself", "a: &a [*a]\n" + good, REFUSE),
        ("a merge key", good + "\n<<: {seed: 2}\n", ACCEPT),
        ("a python object", good + f"\nx: {tag}\n", REFUSE),
        ("a python seed", good.replace("seed: 1", f"seed: {tag}"), REFUSE),
        ("two documents", good + "\n---\nseed: 3\n", REFUSE),
        ("twice a key", good + "\nseed: 3\n", REFUSE),
        ("tabs", good.replace("  ", "\t"), REFUSE),
        ("900 nested lists", "a: " + "[" * 900 + "]" * 900, REFUSE),
        ("90,000 nested sections", "{a: " * 90000, REFUSE),
        ("5,000 digits", good.replace("seed: 1", "seed: " + "9" * 5000), REFUSE),
        ("2 MB", good + "#" * 2_000_000, REFUSE),
        ("Latin-1", good.encode() + "\n# caf\xe9".encode("latin-1"), REFUSE),
        ("UTF-16", good.encode("utf-16"), None),
        ("a mark of byte order", b"\xef\xbb\xbf" + good.encode(), ACCEPT),
        ("NULs", good.replace("\n", "\0\n").encode(), REFUSE),
        ("lines of Windows", good.replace("\n", "\r\n"), ACCEPT),
        ("extends itself", "extends: file.yaml\nname: a\n", REFUSE),
        ("extends nothing", "extends: nowhere\n", REFUSE),
        ("extends a device", "extends: /dev/zero\n", REFUSE),
        ("extends a list", "extends: [w1]\n", REFUSE),
        ("a name that leaves the folder", good.replace("name: w1", "name: ../../x"), REFUSE),
        ("pixel_scale 100", good.replace("pixel_scale: 0.08", "pixel_scale: 100"), None),
        ("pixel_scale 1e-300", good.replace("pixel_scale: 0.08", "pixel_scale: 1e-300"), REFUSE),
        ("4096 pixels of 128 rays", good.replace("num_pix: 64", "num_pix: 4096").replace("rays: 2", "rays: 128"), None),
        ("exposure yes", good.replace("exposure_time: 5400", "exposure_time: yes"), REFUSE),
        ("seed 0123", good.replace("seed: 1", "seed: 0123"), REFUSE),
        ("seed 20:00", good.replace("seed: 1", "seed: 20:00"), REFUSE),
        ("magnitude -99", good.replace("magnitude: 23", "magnitude: -99"), REFUSE),
        ("background 1e300", good.replace("background_noise: 0.01", "background_noise: 1e300"), REFUSE),
    ]
    for name, text, expected in texts:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")

        def make(folder, data=data):
            (folder / "file.yaml").write_bytes(data)
            return ["config", "--show", str(folder / "file.yaml")]

        yield Case("YAML", name, make, expected)


def overrides(chance: random.Random) -> Iterator[Case]:
    """Changes by dotted key: values that do not belong, and texts that are no change."""
    keys = [key.path for key in every_key() if not key.path.startswith(LAW)]
    for _ in range(150):
        path = chance.choice(keys).replace(f".{ENTRY}", f".{chance.choice('012')}").replace(NAME, "lensiam")
        change = f"{path}={chance.choice(VALUES)}"
        recipe = "tiny" if path.startswith(("pretrain", "evaluate", "real")) else chance.choice(("w1", "lens_finding"))
        yield Case("overrides", change[:100], lambda _, c=change, r=recipe: ["config", "--show", r, c])
    refused = ["", "=", "=1", "seed", "seed=", "seed==1", "seed=1=2", ".seed=1", "seed.=1", "a..b=1", "lens_mass.²=1"]
    refused += ["simulate.lens_mass.-1.theta_E=1", "simulate.lens_mass.99.theta_E=1", "simulate.lens_mass.0=1"]
    refused += ["mode=[a]", "mode=x", "simulate=null", "name=..", "name=" + "x" * 300, "seed=4294967296", "seed=-1"]
    refused += [
        "simulate.image.rays=0",
        "simulate.image.num_pix=1e9",
        "simulate.image=[1]",
        "simulate.image.num_pix=yes",
    ]
    refused += ["evaluate.targets=[theta_E, theta_E]", "evaluate.n_labels=[20, 20]", "evaluate.protocols=[]"]
    refused += ["simulate.lens_mass.1.gamma1=1e300", "x" * 10_000, "x." * 3000 + "y=1", "\x00=1", "seed=\x00"]
    refused += ["simulate.bands={g: {}, g: {}}", "simulate.bands=[g]", "simulate.classes={a: 0}", "seed=$(touch x)"]
    for change in refused:
        yield Case("overrides", change[:60], lambda _, c=change: ["config", "--show", "w1", c], REFUSE)


# FITS -------------------------------------------------------------------------------------------------------------


def lens(seed: int = 0) -> np.ndarray:
    """A ring on noise, float32 (SIZE, SIZE)."""
    y, x = (np.indices((SIZE, SIZE)) - (SIZE - 1) / 2) * SCALE
    ring = 0.5 * np.exp(-0.5 * ((np.hypot(x, y) - 1.1) / 0.12) ** 2) * (1 + 0.5 * np.sin(np.arctan2(y, x)))
    return (ring + np.random.default_rng(seed).normal(0, 0.02, x.shape)).astype(np.float32)


def fits_bytes(*hdus) -> bytes:
    """The bytes of a FITS file."""
    held = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(held, output_verify="silentfix")
    return held.getvalue()


def good_fits() -> bytes:
    header = fits.Header({"PIXSCALE": SCALE, "EXPTIME": 5400.0})
    noise = np.full((SIZE, SIZE), 0.02, np.float32)
    mask = np.zeros((SIZE, SIZE), np.int16)
    return fits_bytes(
        fits.PrimaryHDU(),
        fits.ImageHDU(lens(), header, name="SCI"),
        fits.ImageHDU(noise, name="ERR"),
        fits.ImageHDU(mask, name="DQ"),
    )


CARDS = (
    ("NAXIS1", 10**9),
    ("NAXIS2", 0),
    ("NAXIS2", -1),
    ("NAXIS1", "a"),
    ("NAXIS", 999),
    ("NAXIS", 0),
    ("NAXIS", 3),
    ("BITPIX", 7),
    ("BITPIX", -64),
    ("BITPIX", 8),
    ("BSCALE", 0),
    ("BSCALE", float("nan")),
    ("BZERO", 1e300),
    ("PCOUNT", 10**12),
    ("GCOUNT", 10**9),
    ("GCOUNT", -1),
    ("XTENSION", "BINTABLE"),
    ("XTENSION", "NONSENSE"),
    ("PIXSCALE", 0),
    ("PIXSCALE", -0.1),
    ("PIXSCALE", 100),
    ("PIXSCALE", "T"),
    ("PIXSCALE", 1e300),
    ("EXPTIME", 0),
    ("EXPTIME", -1),
    ("BUNIT", "furlong"),
    ("CD1_1", 0),
    ("CDELT1", 1e9),
    ("CTYPE1", "RA---XXX"),
    ("EXTNAME", "x" * 60),
    ("ZIMAGE", True),
    ("TFIELDS", 999),
)


def with_card(data: bytes, name: str, value) -> bytes:
    """FITS bytes in which a card of the first extension has another value, or stands there if it did not."""
    if isinstance(value, bool):
        shown = "T" if value else "F"
    else:
        shown = f"'{value}'" if isinstance(value, str) else str(value)
    card = f"{name:8}= {shown:>20}"[:80].ljust(80).encode("ascii", "replace")
    start = 2880
    end = next(k for k in range(start, len(data), 80) if data[k : k + 8] == b"END     ")
    found = next((k for k in range(start, end, 80) if data[k : k + 8] == f"{name:8}".encode()), None)
    if found is not None:
        return data[:found] + card + data[found + 80 :]
    return data[:end] + card + data[end : end + 80] + data[end + 160 :]


def images(chance: random.Random) -> Iterator[Case]:
    """Cut-outs of real lenses."""
    good = good_fits()
    flat, sky = np.zeros((SIZE, SIZE), np.float32), fits.Header({"PIXSCALE": SCALE})
    huge = fits.PrimaryHDU(np.zeros((4, 4), np.float32)).header
    huge["NAXIS1"], huge["NAXIS2"] = 10**6, 10**6
    more = [(f"{name} = {value}"[:40], with_card(good, name, value), None) for name, value in CARDS]
    more += [
        ("no pixel", fits_bytes(fits.PrimaryHDU()), REFUSE),
        ("all NaN", fits_bytes(fits.PrimaryHDU(flat * np.nan, sky)), REFUSE),
        ("all zero", fits_bytes(fits.PrimaryHDU(flat, sky)), REFUSE),
        ("1e38", fits_bytes(fits.PrimaryHDU(flat + 1e38, sky)), REFUSE),
        ("one row", fits_bytes(fits.PrimaryHDU(lens()[:1], sky)), REFUSE),
        ("a cube of 300", fits_bytes(fits.PrimaryHDU(np.zeros((300, 8, 8), np.float32), sky)), REFUSE),
        ("9 axes", fits_bytes(fits.PrimaryHDU(np.zeros((1,) * 9, np.float32), sky)), REFUSE),
        ("complex table", fits_bytes(fits.PrimaryHDU(), fits.BinTableHDU(Table({"c": np.ones(3, complex)}))), REFUSE),
        ("without a scale", fits_bytes(fits.PrimaryHDU(lens())), REFUSE),
        ("a header that claims 10^12 pixels", huge.tostring().encode(), REFUSE),
        ("the header alone", good[: 2880 * 2], REFUSE),
        ("200 extensions", fits_bytes(fits.PrimaryHDU(), *[fits.ImageHDU(lens(), sky) for _ in range(200)]), REFUSE),
        ("infinite noise", _with_noise(np.inf), None),
        ("negative noise", _with_noise(-1), None),
        ("noise of another shape", _with_noise(0.02, SIZE // 2), REFUSE),
    ]

    def arguments(path):
        return trained(path.parent, f"real_lenses.images={path}")

    yield from from_file("FITS", "cut-out", good, ".fits", arguments, chance, 60, more)

    def bomb(path):
        large = fits.PrimaryHDU(np.zeros((2, 2), np.float32)).header
        large["NAXIS1"] = large["NAXIS2"] = 14_000
        with gzip.open(path, "wb", 1) as file:
            file.write(large.tostring().encode())
            for _ in range(49):
                file.write(bytes(16_000_000))

    more = [("800 MB in 4 MB", bomb, REFUSE)]
    yield from from_file("FITS", "zipped", gzip.compress(good), ".fits.gz", arguments, chance, 20, more)


def _with_noise(level, size=SIZE):
    image = fits.ImageHDU(lens(), fits.Header({"PIXSCALE": SCALE}), name="SCI")
    return fits_bytes(fits.PrimaryHDU(), image, fits.ImageHDU(np.full((size, size), level, np.float32), name="ERR"))


# Arrays and folders to train on -----------------------------------------------------------------------------------


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
    return np.stack([lens(k) for k in range(8)])


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
        ("oblong", npy(stack()[:, :24]), REFUSE),
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
    group.create_array("images", shape=(8, SIZE, SIZE), chunks=(4, SIZE, SIZE), dtype="f4")[:] = stack()
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


# Tables -----------------------------------------------------------------------------------------------------------


def table_bytes(form: str) -> bytes:
    """A table of 30 Einstein radii in a format."""
    rng = np.random.default_rng(0)
    values = Table({"name": [f"L{k}" for k in range(30)], "theta_E": rng.uniform(0.8, 1.6, 30), "e1": np.zeros(30)})
    held = io.BytesIO()
    if form == "parquet":
        values.to_pandas().to_parquet(held)
    elif form == "csv":
        return values.to_pandas().to_csv(index=False).encode()
    elif form == "ecsv":
        text = io.StringIO()
        values.write(text, format="ascii.ecsv")
        return text.getvalue().encode()
    else:
        values.write(held, format={"fits": "fits", "vot": "votable"}[form])
    return held.getvalue()


def tables(chance: random.Random) -> Iterator[Case]:
    """Columns that parameters are drawn from."""
    good = table_bytes("csv").decode()
    rows = "".join(good.splitlines(True)[1:])
    more = [
        ("empty", b"", REFUSE),
        ("a header alone", b"name,theta_E,e1\n", REFUSE),
        ("words", b"theta_E\na\nb\n", REFUSE),
        ("NaN", b"theta_E\nnan\nnan\n", REFUSE),
        ("infinite", b"theta_E\n1\ninf\n", REFUSE),
        ("negative", b"theta_E\n-1\n-2\n", REFUSE),
        ("1e300", b"theta_E\n1\n1e300\n", REFUSE),
        ("twice the column", b"theta_E,theta_E\n1,2\n1,2\n", REFUSE),
        ("another column", b"thetaE\n1\n1.1\n", REFUSE),
        ("longer rows", ("theta_E,b\n" + "1.1,2,3\n" * 5).encode(), REFUSE),
        ("NULs", good.replace("1.", "1\0.").encode(), REFUSE),
        ("UTF-16", good.encode("utf-16"), None),
        ("semicolons", good.replace(",", ";").encode(), None),
        ("decimal commas", good.replace(",", ";").replace(".", ",").encode(), None),
        ("comments", ("# a table\n" + good).encode(), None),
        ("quotes", ('"theta_E\n' + rows).encode(), REFUSE),
        ("one line of 5 MB", b"theta_E," + b"x" * 5_000_000 + b"\n1,2\n", None),
        (
            "20,000 columns",
            (",".join(["theta_E", *map(str, range(20000))]) + "\n" + "1," * 20000 + "1\n").encode(),
            None,
        ),
        ("a formula", b"theta_E\n=1+1\n=1+2\n", REFUSE),
        ("a pickle", pickle.dumps(Payload()), REFUSE),
    ]

    def arguments(path):
        return config_of(f"simulate.lens_mass.0.theta_E={{table: {{file: {path}, column: theta_E}}}}")

    yield from from_file("tables", "csv", good.encode(), ".csv", arguments, chance, 30, more)
    tag = f'# - !!python/object/apply:os.system ["touch {MARKER}"]\n'
    hostile = table_bytes("ecsv").replace(b"# schema", tag.encode() + b"# schema")
    yield from from_file(
        "tables", "ecsv", table_bytes("ecsv"), ".ecsv", arguments, chance, 20, [("tag", hostile, None)]
    )
    yield from from_file("tables", "fits", table_bytes("fits"), ".fits", arguments, chance, 25)
    yield from from_file(
        "tables", "votable", table_bytes("vot"), ".vot", arguments, chance, 15, [("entities", XML, None)]
    )
    yield from from_file("tables", "parquet", table_bytes("parquet"), ".parquet", arguments, chance, 20)


XML = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY b%d "%s">' % (k, b"&%s;" % (b"a" if k == 0 else b"b%d" % (k - 1)) * 10) for k in range(12))
    + b"]><VOTABLE>&b11;</VOTABLE>"
)


def catalogues(chance: random.Random) -> Iterator[Case]:
    """Published values beside a good cut-out."""
    good = b"name,theta_E,gamma\nlens,1.1,2.0\nother,1.2,2.1\n"
    more = [
        ("no name", b"theta_E\n1.1\n", REFUSE),
        ("a name twice", b"name,theta_E\nlens,1\nlens,2\n", REFUSE),
        ("none of ours", b"name,theta_E\nx,1\ny,2\n", REFUSE),
        ("no column of ours", b"name,a\nlens,1\n", REFUSE),
        ("words", b"name,theta_E\nlens,abc\n", REFUSE),
        ("-99", b"name,theta_E\nlens,-99\n", None),
        ("NA", b"name,theta_E\nNA,1\nlens,1.2\n", ACCEPT),
        ("angles without a unit", b"name,q,PA\nlens,.7,1.2\n", None),
    ]

    def prepare(folder):
        (folder / "lenses").mkdir()
        (folder / "lenses" / "lens.fits").write_bytes(good_fits())

    def arguments(path):
        folder = path.parent
        return trained(folder, f"real_lenses.images={folder / 'lenses'}", f"real_lenses.catalogue={path}")

    yield from from_file("tables", "catalogue", good, ".csv", arguments, chance, 25, more, prepare)


# PSFs, maps, galaxies, weights ------------------------------------------------------------------------------------


def kernel(size=21) -> np.ndarray:
    y, x = np.indices((size, size)) - size // 2
    return np.exp(-0.5 * (x**2 + y**2) / 2.0**2)


def psfs(chance: random.Random) -> Iterator[Case]:
    """Kernels, and patches of sky."""

    def arguments(path):
        return config_of(f"simulate.observation.psf={{kind: pixel, file: {path}}}")

    bad = {"even": kernel()[:20, :20], "oblong": kernel()[:19], "NaN": kernel() * np.nan, "zero": kernel() * 0}
    bad |= {"negative": -kernel(), "4 axes": kernel()[None, None, None], "a row": kernel()[0], "wide": kernel(2001)}
    more = [(name, fits_bytes(fits.PrimaryHDU(k)), None if name == "wide" else REFUSE) for name, k in bad.items()]
    good = fits_bytes(fits.PrimaryHDU(kernel()))
    yield from from_file("PSFs", "fits", good, ".fits", arguments, chance, 40, more)
    pickled = npy(np.array([Payload()], dtype=object), allow_pickle=True)
    yield from from_file("PSFs", "npy", npy(kernel()), ".npy", arguments, chance, 15, [("objects", pickled, REFUSE)])

    def sky(path):
        return config_of(
            "simulate.observation.background_noise=null", f"simulate.observation.sky_cutouts={path.parent}"
        )

    patch = npy(np.random.default_rng(0).normal(0, 1, (96, 96)))
    yield from from_file(
        "PSFs", "sky", patch, ".npy", sky, chance, 15, [("NaN", npy(np.full((96, 96), np.nan)), REFUSE)]
    )


def maps(chance: random.Random) -> Iterator[Case]:
    """Deflection on a grid."""
    y, x = (np.indices((40, 40)) - 19.5) * 0.1
    held = {"f_x": x / 2, "f_y": y / 2, "pixel_scale": np.array(0.1)}
    bad = {
        "no f_y": {k: v for k, v in held.items() if k != "f_y"},
        "another shape": held | {"f_y": y[:20]},
        "NaN": held | {"f_x": x * np.nan},
        "1e300": held | {"f_x": x * 1e300},
        "scale 0": held | {"pixel_scale": np.array(0.0)},
        "scale NaN": held | {"pixel_scale": np.array(np.nan)},
        "scales": held | {"pixel_scale": np.array([0.1, 0.1])},
        "words": held | {"pixel_scale": np.array("a")},
        "3 axes": held | {"f_x": x[None], "f_y": y[None]},
        "2 pixels": {"f_x": x[:2, :2], "f_y": y[:2, :2], "pixel_scale": np.array(0.1)},
        "complex": held | {"f_x": x * 1j},
    }

    def arguments(path):
        return config_of(f"simulate.lens_mass=[{{profile: INTERPOL, file: {path}}}]")

    more = [(name, npz(**arrays_), REFUSE) for name, arrays_ in bad.items()]
    yield from from_file("maps", "npz", npz(**held), ".npz", arguments, chance, 30, more)
    header = fits.Header({"PIXSCALE": 0.1})
    good = fits_bytes(fits.PrimaryHDU(), fits.ImageHDU(x / 2, header, name="F_X"), fits.ImageHDU(y / 2, name="F_Y"))
    yield from from_file("maps", "fits", good, ".fits", arguments, chance, 25)


def galaxies(chance: random.Random) -> Iterator[Case]:
    """Catalogues of galaxies: a folder of images, an archive, a table with images beside it."""

    def arguments(path):
        return config_of(f"simulate.source=[{{profile: INTERPOL, catalogue: {path}, magnitude: 23, R_half: 0.3}}]")

    blob = np.stack([kernel(41) * (1 + k) for k in range(4)]).astype(np.float32)
    pickled = npy(np.array([Payload()], dtype=object), allow_pickle=True)
    more = [
        ("NaN", npz(images=blob * np.nan, pixel_scale=np.array(0.05)), REFUSE),
        ("zero", npz(images=blob * 0, pixel_scale=np.array(0.05)), REFUSE),
        ("objects", zipped({"images.npy": pickled}), REFUSE),
        ("scale -1", npz(images=blob, pixel_scale=np.array(-1.0)), None),  # which is not used beside R_half
        ("no images", npz(pixel_scale=np.array(0.05)), REFUSE),
        ("a shape of 10^12", zipped({"images.npy": lying_npy((10**6, 1000, 1000))}), REFUSE),
    ]
    good = npz(images=blob, pixel_scale=np.array(0.05))
    yield from from_file("galaxies", "npz", good, ".npz", arguments, chance, 30, more)

    def folder_of(path):
        return arguments(path.parent)

    image = fits_bytes(fits.PrimaryHDU(blob[0], fits.Header({"PIXSCALE": 0.05})))
    yield from from_file("galaxies", "folder", image, ".fits", folder_of, chance, 25)
    table = Table(
        {"IDENT": [1, 2], "MAG": [23.0, 24.0], "GAL_FILENAME": ["g.fits"] * 2, "PSF_FILENAME": ["p.fits"] * 2}
    )
    for name, values in (
        ("GAL_HDU", [0, 1]),
        ("PSF_HDU", [0, 1]),
        ("PIXEL_SCALE", [0.05, 0.05]),
        ("zphot", [0.5, 0.6]),
    ):
        table[name] = values
    listing = fits_bytes(fits.PrimaryHDU(), fits.BinTableHDU(table))

    def prepare(folder):
        pair = [fits.PrimaryHDU(blob[0]), fits.ImageHDU(blob[1])]
        (folder / "g.fits").write_bytes(fits_bytes(*pair))
        (folder / "p.fits").write_bytes(fits_bytes(fits.PrimaryHDU(kernel()), fits.ImageHDU(kernel())))

    leaves = listing.replace(b"g.fits", b"/dev/z")
    more = [("image files that leave the folder", leaves, REFUSE)]
    cases = list(from_file("galaxies", "table", listing, ".fits", arguments, chance, 25, more, prepare))
    yield from (Case(c.kind, c.name, c.make, None if c.expected == ACCEPT else c.expected) for c in cases)


def weights(chance: random.Random) -> Iterator[Case]:
    """Weights to start from."""

    def arguments(path):
        return trained(path.parent, f"pretrain.backbone.weights={path}", "evaluate=null")

    def head(text):
        return struct.pack("<Q", len(text)) + text

    more = [
        ("a pickle", pickle.dumps(Payload()), REFUSE),
        ("a header of 10^18", struct.pack("<Q", 10**18) + b"{}", REFUSE),
        ("an empty header", head(b"{}"), REFUSE),
        ("offsets beyond", head(b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36000]}}'), REFUSE),
        ("a shape of 10^18", head(b'{"a":{"dtype":"F32","shape":[1000000000000000000],"data_offsets":[0,4]}}'), REFUSE),
    ]
    good = head(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}') + bytes(4)
    cases = from_file("weights", "safetensors", good, ".safetensors", arguments, chance, 20, more)
    yield from (Case(c.kind, c.name, c.make, REFUSE) for c in cases)  # the good one is of another network


# Folders and places -----------------------------------------------------------------------------------------------


def training_folders(chance: random.Random) -> Iterator[Case]:
    """Folders of images to train on, in which something else lies."""

    def case(name, fill, expected=None):
        def make(folder):
            place = folder / "images"
            place.mkdir()
            fill(place)
            return trained(folder, f"pretrain.data={{path: {place}}}", "evaluate=null")

        return Case("folders", name, make, expected)

    def write(place, **files):
        for name, data in files.items():
            path = place / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    good = npy(lens())
    yield case("good", lambda p: write(p, a_dot_npy=good, b_dot_npy=npy(lens(1))), ACCEPT)
    yield case("empty", lambda p: None, REFUSE)
    yield case("another shape", lambda p: write(p, a_dot_npy=good, b_dot_npy=npy(np.ones((9, 9)))), REFUSE)
    yield case("text", lambda p: write(p, a_dot_txt=b"x"), REFUSE)
    yield case("300 broken", lambda p: [write(p, **{f"a{k}_dot_npy": b"x"}) for k in range(300)], REFUSE)
    yield case("files beside classes", lambda p: write(p, x__a_dot_npy=good, b_dot_npy=good), REFUSE)
    yield case("30 levels", lambda p: write(p, **{"d__" * 30 + "a_dot_npy": good}), None)
    yield case("a folder called a.npy", lambda p: (p / "a.npy").mkdir(), REFUSE)
    for k in range(25):
        data = damaged(npz(images=stack()), chance)
        yield case(f"one damaged of three {k}", lambda p, d=data: write(p, a_dot_npy=good, b_dot_npy=good, c_dot_npz=d))


def strange_places(chance: random.Random) -> Iterator[Case]:
    """Pipes, devices, loops of links and odd names where a file or folder is expected."""
    users = {
        "images": lambda folder, path: trained(folder, f"real_lenses.images={path}"),
        "data": lambda folder, path: trained(folder, f"pretrain.data={{path: {path}}}", "evaluate=null"),
        "psf": lambda folder, path: config_of(f"simulate.observation.psf={{kind: pixel, file: {path}}}"),
        "map": lambda folder, path: config_of(f"simulate.lens_mass=[{{profile: INTERPOL, file: {path}}}]"),
        "galaxies": lambda folder, path: config_of(
            f"simulate.source=[{{profile: INTERPOL, catalogue: {path}, magnitude: 23, R_half: 0.3}}]"
        ),
        "table": lambda folder, path: config_of(
            f"simulate.lens_mass.0.theta_E={{table: {{file: {path}, column: theta_E}}}}"
        ),
        "weights": lambda folder, path: trained(folder, f"pretrain.backbone.weights={path}", "evaluate=null"),
        "recipe": lambda folder, path: ["config", str(path)],
        "runs": lambda folder, path: ["config", "w1", "--runs", str(path)],
    }
    suffixes = {"images": ".fits", "data": ".npy", "psf": ".fits", "map": ".npz", "galaxies": ".fits", "table": ".csv"}
    suffixes |= {"weights": ".safetensors", "recipe": ".yaml", "runs": ""}
    places = {
        "pipe": os.mkfifo,
        "device": lambda p: p.symlink_to("/dev/zero"),
        "terminal": lambda p: p.symlink_to("/dev/stdin"),
        "loop": lambda p: p.symlink_to(p),
        "nowhere": lambda p: p.symlink_to("/nowhere"),
        "folder": lambda p: p.mkdir(),
        "unreadable": lambda p: (p.write_bytes(b"x"), p.chmod(0)),
        "memory": lambda p: p.symlink_to("/proc/self/mem"),
    }
    for user, arguments in users.items():
        for name, put in places.items():

            def make(folder, put=put, arguments=arguments, suffix=suffixes[user]):
                path = folder / f"place{suffix}"
                put(path)
                return arguments(folder, path)

            yield Case("places", f"{user}: {name}", make, None if user == "runs" else REFUSE)
        for name in ("", "/", "x" * 300, "/proc/self/fd", "a\0b", "~nobody/x", "\udcff", "/root/../dev/zero"):

            def odd(folder, name=name, arguments=arguments):
                return arguments(folder, name)

            yield Case("places", f"{user}: {ascii(name)[:30]}", odd)
        if user in ("images", "data", "psf", "galaxies"):

            def inside(folder, arguments=arguments, suffix=suffixes[user]):
                (folder / "in").mkdir()
                os.mkfifo(folder / "in" / f"a{suffix}")
                return arguments(folder, folder / "in")

            yield Case("places", f"{user}: a pipe in a folder", inside, REFUSE)

            def around(folder, arguments=arguments):
                (folder / "in" / "b").mkdir(parents=True)
                (folder / "in" / "b" / "c").symlink_to(folder / "in")
                return arguments(folder, folder / "in")

            yield Case("places", f"{user}: a folder in itself", around, REFUSE)
