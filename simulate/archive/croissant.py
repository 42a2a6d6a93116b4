"""The description of a dataset for machines: croissant.json, JSON-LD by Croissant 1.0 of MLCommons."""

import json
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ... import citations
from ...configs.schema import Config
from ...files.checksums import sha256
from ...files.whole import write_text
from .dataset_card import head, only_simulation, split_name, title, what
from .description import ARCHIVE, Description, config_of, load
from .label_summary import PARQUET, summaries
from .ledger import read_entries
from .opening import array_names

NAME = "croissant.json"
MOST_FILES = (
    1_000  # that are listed one by one, with their checksums; more are sets by pattern, and the ledger has these
)
_TYPES = {
    ".parquet": "application/x-parquet",
    ".h5": "application/x-hdf5",
    ".fits": "application/fits",
    ".npy": "application/x-npy",
    ".json": "application/json",
    ".yaml": "application/yaml",
}
_OF_IMAGES = (  # parts of a column with images, as parquet_shards has them
    ("band", "sc:Text", "names of the bands"),
    ("flux", "sc:Float", "pixels of each band, counts/s; row 0 is the lowest y"),
    ("mask", "sc:Boolean", "whether a pixel is good"),
    ("psf_fwhm", "sc:Float", "full width at half maximum of the PSF [arcsec]"),
    ("scale", "sc:Float", "size of a pixel [arcsec]"),
)
_LICENCES = {"mit": "https://spdx.org/licenses/MIT"}
_OF_CROISSANT = (
    "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
CONTEXT = {name: f"cr:{name}" for name in _OF_CROISSANT.split()} | {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}


def write(folder: Path) -> str:
    """Write croissant.json of a dataset whose shards and labels are all there; returns its name.

    Raises: DataError if labels.parquet cannot be read; OSError.
    """
    said = croissant(folder, load(folder), config_of(folder))
    write_text(folder / NAME, json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    return NAME


def croissant(folder: Path, description: Description, config: Config) -> dict[str, Any]:
    """The JSON-LD: files with checksums; as record sets the labels and, where readers know the format, the images."""
    known = head(description, config)
    files = {name: digest for entry in read_entries(folder).values() for name, digest in entry.files.items()}
    name = f"{description.name}_{description.count}"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": f"{title(description)}. {' '.join(what(config).split())}",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": _LICENCES.get(known["license"], known["license"]),
        "url": "README.md",
        "version": _version(description.lenstream),
        "datePublished": _date(folder, name),
        "creator": {"@type": "sc:Organization", "name": "LenStream"},
        "keywords": known["tags"],
        "citeAs": citations.bibtex(citations.used(only_simulation(config))),
        "distribution": [_file(folder, PARQUET, sha256(folder / PARQUET)), *_files(folder, description, files)],
        "recordSet": [_labels(folder, description), *_images(folder, description, config)],
    }


def _version(of):
    """MAJOR.MINOR.PATCH of a version; 0.0.0 for one that is not known."""
    numbers = of.split("+")[0].split(".")[:3]
    return ".".join(numbers) if len(numbers) == 3 and all(n.isdigit() for n in numbers) else "0.0.0"


def _date(folder, name):
    """The day on which a dataset was written: that of the file here, if it is of as many systems, or of archive.json.

    The time of a file alone is that of the copy, once a dataset was copied.
    """
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if said["name"] == name:
            return date.fromisoformat(said["datePublished"]).isoformat()
    except (OSError, ValueError, TypeError, LookupError):
        pass
    return datetime.fromtimestamp((folder / ARCHIVE).stat().st_mtime, UTC).date().isoformat()


def _files(folder, description, names):
    """The files of all shards, by the checksums of the ledger: each by itself, or a set of those of one ending."""
    if len(names) <= MOST_FILES and description.format != "parquet":
        return [_file(folder, name, digest) for name, digest in names.items()]
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"shards{suffix}",
            "name": f"shards{suffix}",
            "description": f"{len(names):,} files; ledger/*.json has the SHA-256 of each.",
            "encodingFormat": _TYPES.get(suffix, "application/octet-stream"),
            "includes": list(dict.fromkeys(_pattern(name) for name in names if PurePosixPath(name).suffix == suffix)),
        }
        for suffix in dict.fromkeys(PurePosixPath(name).suffix for name in names)
    ]


def _pattern(name):
    """A pattern of all files like one: fits/*/*.fits."""
    top, *between = PurePosixPath(name).parts[:-1] or ("",)
    return "/".join(filter(None, [top, *("*" for _ in between), f"*{PurePosixPath(name).suffix}"]))


def _file(folder, name, digest):
    """One file with its SHA-256."""
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{(folder / name).stat().st_size} B",
        "encodingFormat": _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"),
        "sha256": digest,
    }


def _labels(folder, description):
    """The record set of labels.parquet: a row an image."""
    columns = [("index", "", "index of the system", "int64")]
    columns += [("view", "", "number of the image of a system", "int64")] if description.views > 1 else []
    columns += [(s.name, s.unit, s.meaning, s.dtype) for s in summaries(folder)]
    return {
        "@type": "cr:RecordSet",
        "@id": "labels",
        "name": "labels",
        "description": f"What is known of every image of the split {split_name(description)}: {len(columns)} columns.",
        "field": [_field("labels", {"fileObject": {"@id": PARQUET}}, *column) for column in columns],
    }


def _field(records, source, name, unit, meaning, dtype):
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "description": f"{meaning} [{unit}]" if unit else meaning,
        "dataType": "sc:Integer" if "int" in dtype else "sc:Float",
        "source": source | {"extract": {"column": name}},
    }


def _images(folder, description, config):
    """The record set of the images: arrays of Parquet, and of other formats the files that they are in."""
    if description.format != "parquet":
        return []
    columns = [f"image{name.removeprefix('images')}" for name in array_names(config)]
    fields = [_pixels(column, name, *said) for column in columns for name, *said in _OF_IMAGES]
    words = "Every image, a row each, in the order of the labels; parts have an entry for each band."
    index = _field("images", {"fileSet": {"@id": "shards.parquet"}}, "index", "", "index of the system", "int64")
    return [
        {"@type": "cr:RecordSet", "@id": "images", "name": "images", "description": words, "field": [index, *fields]}
    ]


def _pixels(column, name, dtype, meaning):
    """A part of the images of a column, an array with an entry for each band."""
    return {
        "@type": "cr:Field",
        "@id": f"images/{column}.{name}",
        "name": f"{column}.{name}",
        "description": meaning,
        "dataType": dtype,
        "repeated": True,
        "source": {
            "fileSet": {"@id": "shards.parquet"},
            "extract": {"column": column},
            "transform": {"jsonPath": name},
        },
    }
