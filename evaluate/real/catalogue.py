"""Catalogues of published values: what their columns mean, and their values for our images, in the frame of the array.

The value of a lens parameter, e.g. theta_E, stands in the column theta_E_published, or else theta_E, or in the one that
`real_lenses.columns` names. e1 and e2 are also computed from an axis ratio (q, b/a, axis_ratio; or ellipticity, which
is 1 - b/a) and an angle of the major axis: PA and position_angle are counted from North through East, phi is counted
counter-clockwise from +x of the array, as in lenstronomy. The suffixes _deg and _rad state the unit; without one,
angles are in degrees if one of them exceeds 2 pi; otherwise phi is in radians, and PA cannot be known.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...configs.turning import pairs, without_partner
from ...errors import DataError, nearest
from ...files.columns import read_table
from ...files.paths import usable
from ...files.suffixes import FITS
from . import frames
from .column_hints import RATIOS, offer, offer_shape
from .possible_values import leave_out_impossible

NAME = "name"
FLATTENING = "ellipticity"
_ANGLE = re.compile(r"(pa|pos(?:ition)?[ _]?ang(?:le)?|phi)[ _]*[(\[]?(deg|degrees|degree|rad|radians|radian)?[)\]]?")


class Shape(NamedTuple):
    """The columns that hold an axis ratio and the angle of the major axis."""

    ratio: str
    angle: str
    unit: str  # deg or rad
    frame: str  # that the angle is counted in, one of `frames.FRAMES`


def read_catalogue(path, lenses=None):
    """Published values by lens: a DataFrame with the index `name` (str) and the file's other columns.

    Args:
        path: a table as `files.columns` reads them; it needs the column `name`, the files' names without suffix.
        lenses: `configs.schema.RealLenses`, whose `columns` may give the column another name.

    Raises:
        DataError: no such file, no table, no column `name`, or a name that is there twice.
    """
    path = usable(path)
    if not path.is_file():
        raise DataError(f"There is no catalogue {path}: expected a table of published values with the column name.")
    called = lenses.columns.get(NAME, NAME) if lenses else NAME
    columns = read_table(path, text=(called,))
    table = pd.DataFrame({name: values for name, values in columns.items() if values.ndim == 1})
    if called not in table:
        columns = ", ".join(map(str, table.columns[:12]))
        hint = (called == NAME and offer(NAME, table.columns)) or nearest(called, table.columns)
        raise DataError(
            f"The catalogue {path} has no column {called} (the files' names without suffix); it has {columns}.{hint}"
        )
    table[called] = table[called].astype(str).str.strip()
    table = table[table[called] != ""].copy()
    twice = table[called][table[called].duplicated()]
    if len(twice):
        raise DataError(f"The catalogue {path} has {twice.iloc[0]} in more than one row: expected one row a lens.")
    return table.set_index(called)


def columns_of(catalogue, targets, lenses):
    """Where the values of some lens parameters stand: {target: column, or `Shape`}, e1 and e2 sharing a `Shape`.

    Args: catalogue: of `read_catalogue`. targets: names of lens parameters. lenses: `configs.schema.RealLenses`.
    Raises: DataError, with the columns that may be meant, if there is none or one that is named is absent.
    """
    found = {}
    _check_settings(lenses.columns, targets)
    for target in targets:
        column = _column(catalogue, target, lenses)
        if column is not None:
            found[target] = column
    if {"e1", "e2"} & set(targets) - set(found):
        shape = _shape(catalogue, lenses)
        if shape is not None:
            found |= {target: shape for target in ("e1", "e2") if target in targets}
    if not found:
        columns = ", ".join(map(str, catalogue.columns[:12])) or "no other column"
        hints = "".join(offer(target, catalogue.columns) for target in targets)
        hints += offer_shape(catalogue.columns) if {"e1", "e2"} & set(targets) else ""
        raise DataError(
            f"The catalogue has a column for none of {', '.join(targets)}: it has {columns}.{hints}"
            + ("" if hints else " Name the columns in real_lenses.columns, e.g. {theta_E: b_SIE}.")
        )
    return found


def match(catalogue, names, targets, orientations, lenses):
    """Published values of our images in the frame of the array.

    Args:
        catalogue: of `read_catalogue`. names: of the images, n of them. orientations: of each, `Orientation` or
        None. targets: names of lens parameters. lenses: `configs.schema.RealLenses`.

    Returns: {target: float (n,)} of the targets that the catalogue has, NaN where there is no value; and a list of
        sentences about what was computed, left out or not understood.
    Raises: DataError: the catalogue has no such image, no such column, or a column that does not hold numbers.
    """
    rows, notes = _rows(catalogue, names)
    where = columns_of(catalogue, targets, lenses)
    missing = [target for target in targets if target not in where]
    notes += [f"catalogue: no column for {t}.{hint}" for t in missing if (hint := offer(t, catalogue.columns))]
    if {"e1", "e2"} & set(missing) and (hint := offer_shape(catalogue.columns)):
        notes.append(f"catalogue: no columns for e1 and e2.{hint}")
    values, in_sky = {}, {}
    for target, column in where.items():
        if not isinstance(column, Shape):
            values[target] = _numbers(catalogue, column).reindex(rows).to_numpy()
            in_sky[target] = _is_sky(catalogue, rows, lenses)
    shapes = [column for column in where.values() if isinstance(column, Shape)]
    if shapes:
        e1, e2, said = _ellipticities(catalogue, rows, shapes[0])
        notes += said
        sky = np.full(len(rows), shapes[0].frame == frames.NORTH_EAST)
        for target, component in (("e1", e1), ("e2", e2)):
            if isinstance(where.get(target), Shape):
                values[target], in_sky[target] = component, sky
    notes += leave_out_impossible(values, names)
    notes += _turn(values, in_sky, orientations)
    return values, notes


def _check_settings(columns, targets):
    """Raises: DataError for a column of something that is not compared."""
    known = [NAME, *targets, *(("q", "PA", "phi") if {"e1", "e2"} & set(targets) else ())]
    for wanted in columns:
        if wanted not in known:
            raise DataError(
                f"real_lenses.columns.{wanted}: nothing called {wanted} is compared; expected "
                f"{', '.join(known)}.{nearest(wanted, known)}"
            )


def _rows(catalogue, names):
    """The row of each image by its name: as it is, or else but for capitals, blanks and the suffix of a file."""
    simple = {}
    for row in catalogue.index:
        simple.setdefault(_simple(row), []).append(row)
    rows = [n if n in catalogue.index else _only(simple.get(_simple(n), [])) for n in names]
    if all(row is None for row in rows):
        held = ", ".join(map(str, catalogue.index[:3])) or "no name at all"
        raise DataError(
            f"The catalogue has none of the {len(names)} cut-outs: expected names such as {names[0]} in its column "
            f"{catalogue.index.name}, but it holds {held}.{nearest(names[0], catalogue.index)}"
        )
    others = [(n, row) for n, row in zip(names, rows, strict=True) if row not in (None, n)]
    notes = [f"catalogue: {len(others)} names match but for capitals, blanks or a suffix, e.g. {others[0][1]} for "
             f"{others[0][0]}."] if others else []  # fmt: skip
    lacking = [n for n, row in zip(names, rows, strict=True) if row is None]
    if lacking:
        notes.append(f"catalogue: no row for {len(lacking)} of {len(names)} images, e.g. {lacking[0]}.")
    return rows, notes


def _simple(name):
    text = re.sub(r"\s+", "", str(name)).casefold()
    return next((text.removesuffix(suffix) for suffix in FITS if text.endswith(suffix)), text)


def _only(found):
    return found[0] if len(found) == 1 else None


def _column(catalogue, wanted, lenses):
    """The column of a parameter by the settings or by its name; None without one."""
    named = lenses.columns.get(wanted)
    if named is not None:
        if named not in catalogue:
            raise DataError(
                f"real_lenses.columns.{wanted}: the catalogue has no column {named}; it has "
                f"{', '.join(map(str, catalogue.columns[:12]))}.{nearest(named, catalogue.columns)}"
            )
        return named
    return next((c for c in (f"{wanted}_published", wanted) if c in catalogue), None)


def _shape(catalogue, lenses):
    """The `Shape` that a catalogue has, or None. Raises: DataError if the unit of the angle cannot be known."""
    plain = {re.sub("_published$", "", str(c).strip()).lower(): c for c in catalogue.columns}
    ratio = _column(catalogue, "q", lenses) or next((plain[n] for n in (*RATIOS, FLATTENING) if n in plain), None)
    angles = {}
    for key in ("phi", "PA"):
        named = lenses.columns.get(key) and _column(catalogue, key, lenses)
        for name, column in [(f"{key.lower()} {_unit(named)}", named)] if named else plain.items():
            match = _ANGLE.fullmatch(name)
            if match and (match[1] == "phi") == (key == "phi"):
                angles.setdefault(key, (column, (match[2] or "")[:3]))
    if ratio is None or not angles:
        return None
    kind, (column, unit) = next(iter(angles.items()))
    unit = lenses.angle_unit or unit or _guessed_unit(catalogue, column, kind)
    own = frames.ARRAY if kind == "phi" else frames.NORTH_EAST
    return Shape(ratio, column, unit, lenses.catalogue_frame or own)


def _unit(name):
    """The unit that the name of a column ends with, or nothing."""
    found = re.search(r"(deg|rad)(?:rees?|ians?)?[)\]]?$", str(name).lower())
    return found[1] if found else ""


def _guessed_unit(catalogue, column, kind):
    largest = np.nanmax(np.abs(_numbers(catalogue, column).to_numpy()), initial=0.0)
    if largest > 2 * np.pi:
        return "deg"
    if kind == "phi":
        return "rad"
    raise DataError(
        f"The catalogue's column {column} may be in degrees or in radians, as no value exceeds 2 pi: give "
        "real_lenses.angle_unit: deg or rad, or --angle-unit."
    )


def _numbers(catalogue, column):
    """A column as float; infinite values are missing."""
    try:
        values = pd.to_numeric(catalogue[column]).astype(float)
    except (ValueError, TypeError):
        words = [(name, v) for name, v in catalogue[column].items() if np.isnan(pd.to_numeric(v, errors="coerce"))]
        held = f", but {words[0][0]} has {str(words[0][1])[:60]}" if words else ""
        raise DataError(f"The catalogue's column {column} has to hold numbers{held}.") from None
    return values.where(np.isfinite(values))


def _is_sky(catalogue, rows, lenses):
    """Whether the components of each row are in the frame north_east: by the setting, or the column `frame`."""
    if lenses.catalogue_frame is None and "frame" in catalogue:
        stated = catalogue["frame"].reindex(rows).astype(str).str.strip().str.lower()
        unknown = sorted(set(stated) - {*frames.FRAMES, "nan", "none", ""})
        if unknown:
            raise DataError(
                f"The catalogue's column frame holds {unknown[0]}; expected {' or '.join(frames.FRAMES)}."
                + nearest(unknown[0], frames.FRAMES)
            )
        return (stated == frames.NORTH_EAST).to_numpy()
    return np.full(len(rows), lenses.catalogue_frame == frames.NORTH_EAST)


def _ellipticities(catalogue, rows, shape):
    """e1, e2 (n,) of the rows from axis ratios and angles, in the frame of the angle; and sentences about it."""
    q, angle = (_numbers(catalogue, c).reindex(rows).to_numpy() for c in (shape.ratio, shape.angle))
    if str(shape.ratio).lower().startswith(FLATTENING):
        q = 1 - q
    turn = 360.0 if shape.unit == "deg" else 2 * np.pi
    bad = (np.isfinite(q) & ~((q > 0) & (q <= 1))) | (np.isfinite(angle) & (np.abs(angle) > turn))
    q = np.where(bad, np.nan, q)
    origin = "North through East" if shape.frame == frames.NORTH_EAST else "+x of the array, counter-clockwise"
    unit = "degrees" if shape.unit == "deg" else "radians"
    as_ratio = " (taken as 1 - b/a)" if str(shape.ratio).lower().startswith(FLATTENING) else ""
    notes = [f"catalogue: e1, e2 computed from {shape.ratio}{as_ratio} and {shape.angle}, in {unit} from {origin}."]
    if bad.any():
        k = np.flatnonzero(bad)[0]
        notes.append(
            f"catalogue: {bad.sum()} of {len(rows)} lenses have an impossible {shape.ratio} or {shape.angle}, taken as "
            f"missing, e.g. that of {rows[k]}; expected 0 < q <= 1 and an angle in {unit}."
        )
    e1, e2 = frames.ellipticity(q, angle * 2 * np.pi / turn)
    return np.where(q == 1, 0.0, e1), np.where(q == 1, 0.0, e2), notes  # a circle needs no angle


def _turn(values, in_sky, orientations):
    """Turn components that refer to North and East into the array's frame, in place; sentences about what cannot be."""
    lost = set()  # lenses
    paired = pairs(list(values))
    for first, second, spin in paired:
        for k, orientation in enumerate(orientations):
            if in_sky[first][k] != in_sky[second][k]:
                values[first][k] = values[second][k] = np.nan
            elif in_sky[first][k] and orientation is None:
                lost |= {k} if np.isfinite(values[first][k]) else set()
                values[first][k] = values[second][k] = np.nan
            elif in_sky[first][k]:
                x, y = values[first][k], values[second][k]
                values[first][k], values[second][k] = frames.to_array(x, y, orientation, spin)
    notes = []
    for name in without_partner(list(values)):
        if in_sky[name].any():
            values[name] = np.where(in_sky[name], np.nan, values[name])
            notes.append(f"catalogue: {name} refers to North and East, and is of no use without its other component.")
    if lost:
        lenses = "1 lens" if len(lost) == 1 else f"{len(lost)} lenses"
        notes.append(
            f"catalogue: the ellipticities of {lenses} are counted from North, but no header of theirs says where "
            "North is: add a WCS to the files, or give real_lenses.catalogue_frame: array (--catalogue-frame array) "
            "if they refer to the array."
        )
    return notes
