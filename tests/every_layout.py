"""Sets of lenses in the layouts of others, large enough to be trained on and judged by: a maker for each."""

import h5py
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from .files.layouts import pickled, save, save_fits

SIZE, N = 32, 120


def lenses(n=N, bands=1):
    """Rings in noise: float32 (n, bands, SIZE, SIZE), and their radii [arcsec] (n,), at 0.1 arcsec a pixel."""
    rng = np.random.default_rng(5)
    theta_E = rng.uniform(0.5, 1.4, n)
    axis = (np.arange(SIZE) - (SIZE - 1) / 2) * 0.1
    radius = np.hypot(axis[:, None], axis)
    rings = 5 * np.exp(-0.5 * ((radius - theta_E[:, None, None]) / 0.12) ** 2)[:, None]
    return (rings + rng.normal(0, 0.3, (n, bands, SIZE, SIZE))).astype(np.float32), theta_E


def lensiam(folder):
    """FITS cubes of two views, the lens in the header."""
    images, theta_E = lenses()
    again = images + np.random.default_rng(1).normal(0, 0.1, images.shape).astype(np.float32)
    for k, radius in enumerate(theta_E):
        cube = np.stack([images[k, 0], again[k, 0]], axis=-1)
        save_fits(folder / f"pair_{k:03d}.fits", cube, THETA_E=radius, E1=0.1 * np.sin(k), GAMMA=2.0)


def deeplense(folder):
    """A folder of .npy a class."""
    images, _ = lenses()
    for k, image in enumerate(images):
        kind = ("no_sub", "cdm", "sphere")[k % 3]
        save(folder / kind / f"{kind}_{k}.npy", image)


def axion(folder):
    """Object arrays [image, mass] in the class axion, beside another class."""
    images, theta_E = lenses()
    for k, image in enumerate(images):
        if k < 20:
            save(folder / "no_sub" / f"no_sub_{k}.npy", image[0])
            continue
        held = np.empty(2, dtype=object)
        held[0], held[1] = image[0].astype(float), theta_E[k] * 1e-23
        (folder / "axion").mkdir(parents=True, exist_ok=True)
        np.save(folder / "axion" / f"axion_{k}.npy", held, allow_pickle=True)


def resolution_pairs(folder):
    """LR and HR of the same lenses, with the same names."""
    images, _ = lenses()
    for k, image in enumerate(images[:, 0]):
        save(folder / "HR" / f"sample_{k}.npy", image)
        save(folder / "LR" / f"sample_{k}.npy", image.reshape(16, 2, 16, 2).mean((1, 3)))


def _two_classes(folder):
    images, _ = lenses(bands=3)
    for k, image in enumerate(images):
        kind = ("lenses", "nonlenses")[k % 2]
        save(folder / kind / f"{k}.npy", image)
    return {kind: [f"{k}.npy" for k in range(N) if k % 2 == one] for one, kind in enumerate(("lenses", "nonlenses"))}


def split_pickles(folder):
    """lenses/ and nonlenses/ in three bands, with six pickles of names."""
    for kind, names in _two_classes(folder).items():
        for split, some in {"train": names[:35], "val": names[35:40], "test": names[40:]}.items():
            pickled(folder / f"{split}_{kind}.pkl", some)


def split_texts(folder):
    """The same with lists of paths in texts."""
    paths = [f"{kind}/{name}" for kind, names in _two_classes(folder).items() for name in names]
    (folder / "train.txt").write_text("\n".join(paths[::2]))
    (folder / "test.txt").write_text("\n".join(paths[1::2]))


def classes_in_names(folder):
    """334-pixel images of one band, with the class in the file's name."""
    rng = np.random.default_rng(0)
    for k in range(40):
        kind = ("lens", "nonlens")[k % 2]
        save(folder / f"{kind}_{k:03d}.npy", rng.normal(0, 1, (334, 334)).astype(np.float32))


def challenge(folder):
    """The Lens Finding Challenge's: a folder a band, and a log."""
    images, theta_E = lenses(bands=2)
    for b, band in enumerate(("EUC_VIS", "EUC_J")):
        for k, image in enumerate(images):
            save_fits(folder / band / f"image{band}-{100_000 + k}.fits", image[b], PIXSCALE=0.1)
    rows = "\n".join(f"{100_000 + k},{k % 2},{np.pi * radius**2}" for k, radius in enumerate(theta_E))
    (folder / "classifications.csv").write_text(f"ID,is_lens,Einstein_area\n{rows}\n")


def hdf5(folder):
    """The Multimodal Universe's columns in HDF5."""
    images, theta_E = lenses(bands=2)
    folder.mkdir(parents=True)
    with h5py.File(folder / "001-of-001.hdf5", "w") as file:
        file["object_id"] = np.array([str(k).encode() for k in range(N)])
        file["image_band"] = np.array([[b"hsc-g", b"hsc-r"]] * N)
        file["image_array"], file["image_ivar"] = images, np.full(images.shape, 1 / 0.3**2, np.float32)
        file["image_mask"] = np.ones(images.shape, bool)
        file["image_scale"] = np.full((N, 2), 0.1, np.float32)
        file["theta_E"] = theta_E


def universe_parquet(folder):
    """The Multimodal Universe's rows in Parquet, as the Hub has them."""
    images, theta_E = lenses(bands=2)
    rows = [
        {
            "band": ["hsc-g", "hsc-r"],
            "flux": image.tolist(),
            "ivar": np.full(image.shape, 1 / 0.3**2).tolist(),
            "mask": np.ones(image.shape, bool).tolist(),
            "scale": [0.1, 0.1],
        }
        for image in images
    ]
    folder.mkdir(parents=True)
    table = pa.table({"image": rows, "object_id": [str(k) for k in range(N)], "theta_E": theta_E})
    parquet.write_table(table, folder / "train-00000-of-00001.parquet")


def fits_with_table(folder):
    """FITS images, and a table by their names."""
    images, theta_E = lenses()
    for k, image in enumerate(images):
        save_fits(folder / f"L{k:03d}.fits", image[0], PIXSCALE=0.1)
    rows = "\n".join(f"L{k:03d},{radius}" for k, radius in enumerate(theta_E))
    (folder / "labels.csv").write_text(f"name,theta_E\n{rows}\n")


def array_with_table(folder):
    """One array, and a table in the order of its images."""
    images, theta_E = lenses()
    save(folder / "images.npy", images[:, 0])
    (folder / "labels.csv").write_text("theta_E\n" + "\n".join(map(str, theta_E)) + "\n")


LAYOUTS = {  # maker -> numeric labels by which encoders are judged; none: there are none but classes
    lensiam: ["theta_E", "e1"],
    deeplense: [],
    axion: ["mass"],
    resolution_pairs: [],
    split_pickles: [],
    split_texts: [],
    classes_in_names: [],
    challenge: ["Einstein_area"],
    hdf5: ["theta_E"],
    universe_parquet: ["theta_E"],
    fits_with_table: ["theta_E"],
    array_with_table: ["theta_E"],
}
