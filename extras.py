"""Optional installs (lenstream[train], [cuda], ...): which packages each brings, and an error if one is missing."""

import importlib.util

from .errors import LenStreamError

MODULES = {  # what each extra of pyproject.toml brings, by the name it is imported by
    "train": (
        "torch",
        "torchvision",
        "timm",
        "lightly",
        "lightning",
        "umap",
        "sklearn",
        "safetensors",
        "tensorboard",
        "bokeh",
        "jinja2",
        "markupsafe",
        "PIL",
        "threadpoolctl",
    ),
    "explore": ("bokeh",),
    "archive": ("pyarrow", "h5py", "xarray"),
    "cluster": ("dask", "distributed"),
    "npe": ("zuko",),
    "real": ("photutils",),
    "cuda": ("numba_cuda",),
}

FOR_USERS = {"archive": ("h5netcdf",)}  # what an extra brings that nothing here imports: xarray reads HDF5 by it


class MissingExtra(LenStreamError, ImportError):
    """An optional part of LenStream is used whose packages are not installed."""


def need(extra: str, user: str) -> None:
    """Make sure that the packages of an extra are installed, without importing them.

    Args: extra: a key of `MODULES`. user: what needs it, as the sentence begins: "lenstream run".
    Raises: MissingExtra with the command that installs them.
    """
    missing = next((name for name in MODULES[extra] if not _is_installed(name)), None)
    if missing is not None:
        raise MissingExtra(
            f"{user} needs lenstream[{extra}], as {missing} is not installed: pip install 'lenstream[{extra}]'"
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
