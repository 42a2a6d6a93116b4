"""Zarr groups: folders that hold arrays in chunks, version 3 of the format."""

from pathlib import Path

from .unreadable import reading


def is_group(path):
    """Whether a folder is a Zarr group of version 3."""
    return (Path(path) / "zarr.json").is_file()


def open_array(path, name):
    """The zarr.Array of a name in a group; only what is indexed is read.

    Raises: Unreadable (a DataError) if the group cannot be read or has no such array.
    """
    import zarr  # takes half a second, which those without a Zarr group need not wait for

    with reading(path, f"Zarr v3 group with an array {name}"):
        # Version 2 could name pickle as a codec.
        array = zarr.open_group(str(path), mode="r", zarr_format=3)[name]
        if not isinstance(array, zarr.Array):
            raise TypeError(f"{name} is no array")
        return array
