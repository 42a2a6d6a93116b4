"""Write lenses.html, a table of real lenses that a click sorts, and a page for each lens in lenses/.

Pictures lie beside the pages and are loaded as they come into sight, so that a thousand lenses stay usable. Nothing is
asked of a network.
"""

import math
from itertools import groupby
from pathlib import Path

from ...configs.turning import is_turned
from ...files.whole import folder_for, whole, write_text
from . import pages, themes
from .digits import percent
from .lens_agreement import COLUMNS, FAR, NEAR, agreements, cells, is_radius
from .lens_columns import OF_FIT, alone, columns, difference_as_text, interval, meaning_of, shown, symbol_of, unit_of
from .lens_rows import NETWORK, REFINED, all_targets, lenses, shown_targets
from .report import padded

PAGE, FOLDER = "lenses.html", "lenses"
SMALL = "small"  # within FOLDER: NAME.png of what a network sees
EXPORTS = {
    ".json": "COOLEST, the standard of lens models",
    ".py": "script that goes on with lenstronomy",
    ".reg": "critical curves for DS9, in pixels",
    "_sky.reg": "critical curves for DS9, on the sky",
    "_caustics.reg": "caustics for DS9, in pixels",
    "_caustics_sky.reg": "caustics for DS9, on the sky",
}
OF_FITS = "refined"  # folder for such files of fits, in that for others
DOUBTS = {NETWORK: "About the image and the network's prediction", REFINED: "About the fit"}
HEADS = {  # of the table, in words
    "network": "what the network predicts, ± its standard deviation",
    "refined": "what the simulator finds by fitting the image itself, ± the error of the fit",
    "published": "the value of the catalogue",
    "off": "refined (without a fit: predicted) over published, less 1",
    "difference": "refined (without a fit: predicted) less published",
    "chi2": f"of the fit, {OF_FIT['chi2']}",
}


def write_lens_pages(folder, predictions, refined=None, meanings=None, exports=None):
    """Write lenses.html and lenses/NAME.html of each lens: the path of the former.

    Args:
        folder: where predictions.csv lies; pictures of fits in lenses/NAME.png and of what a network sees in
            lenses/small/NAME.png are shown if they are there, NAME being that of `files.lens_names.file_names`.
        predictions: of `evaluate.real.published`, or None. refined: of `evaluate.real.refined_lenses`; None: no fits.
        meanings: flag -> what it means and what to do.
        exports: folder with NAME.json and other files for other programs, to which the page of a lens has links.

    Raises: OSError.
    """
    folder = Path(folder)
    pages_of = folder_for(folder / FOLDER)
    found = lenses(predictions, refined)
    common = {"meanings": meanings or {}, "themes": themes}
    common |= {"symbol": symbol_of, "meaning": meaning_of, "unit_of": unit_of, "sentence": sentence, "padded": padded}
    fits = refined is not None
    for k, lens in enumerate(found):
        around = found[k - 1] if k else None, found[k + 1] if k + 1 < len(found) else None
        text = _page_of(lens, around, pages_of, fits, exports, common)
        with whole(pages_of / f"{lens.file}.html", wait=False) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    write_text(folder / PAGE, _page_of_all(found, pages_of, fits, common))
    return folder / PAGE


def _page_of_all(found, pages_of, fits, common):
    """The text of lenses.html."""
    targets = shown_targets(found)
    rows = agreements(found, all_targets(found))
    texts = [dict(zip((head for head, _ in COLUMNS), cells(row), strict=True)) for row in rows]
    shown_columns = columns(found, targets)
    flags = {}
    for lens in found:
        for name in lens.flag_names():
            flags[name] = flags.get(name, 0) + 1
    flag_list = [
        {"name": n, "words": n.replace("_", " "), "n": flags[n]} for n in sorted(flags, key=lambda n: -flags[n])
    ]
    pictures = [_small(lens, pages_of, fits) for lens in found]
    return pages.filled(
        "lenses.html.j2",
        **common,
        title="Real lenses",
        headline=headline(found),
        lead=lead(rows),
        lenses=found,
        not_fitted=sum(lens.fitted is False for lens in found),
        targets=targets,
        groups=[(of, list(held)) for of, held in groupby(shown_columns, key=lambda column: column.of)],
        heads={column.head for column in shown_columns},
        heads_in_words=HEADS,
        agreements=[
            (target, list(held))
            for target, held in groupby(zip(rows, texts, strict=True), key=lambda pair: pair[0].target)
        ],
        agreement_heads=COLUMNS,
        agreement_shown={head for text in texts for head, words in text.items() if words},
        flag_list=flag_list,
        pictures=pictures if any(pictures) else [],
        fits_in=pages_of,
        address=lambda path: pages.address(path, pages_of.parent),
        page_of=lambda lens: pages_of / f"{lens.file}.html",
        number=lambda value: f"{value:.6g}" if math.isfinite(value) else "",
        frame_words=frame_words(found),
    )


def _page_of(lens, around, pages_of, fits, exports, common):
    """The text of the page of one lens. around: the `RealLens` before and the one behind, or None."""
    heads, rows = rows_of(lens)
    return pages.filled(
        "lens.html.j2",
        **common,
        title=lens.name,
        page=pages_of.parent / PAGE,
        lens=lens,
        before=around[0],
        after=around[1],
        address=lambda path: pages.address(path, pages_of),
        page_of=lambda other: pages_of / f"{other.file}.html",
        picture=_picture(lens, pages_of) if fits else None,
        dark_twin=themes.dark_twin,
        thumbnail=_thumbnail(lens, pages_of),
        heads=heads,
        heads_in_words=HEADS,
        rows=rows,
        doubts=[(words, [f for f in lens.flags if f.of == kind]) for kind, words in DOUBTS.items()],
        without_unit=lambda words: words.split(" [")[0].rstrip(".") + "." if words else "",
        fit_words=OF_FIT,
        fit_number=fit_number,
        frame_words=frame_words([lens]),
        files=_exported(lens, exports),
    )


def rows_of(lens):
    """The heads of the table of a `lens_rows.RealLens`, and (target, texts) for each of its parameters."""
    rows = []
    inner, outer = percent(0.68), percent(0.95)
    for target, of in sorted(lens.values.items(), key=lambda pair: pair[0] != "theta_E"):
        cells_of = {}
        for kind, value in of.items():
            cells_of[kind] = shown(value)
            cells_of[f"{kind}, {inner}"] = interval(value.low_68, value.high_68)
            cells_of[f"{kind}, {outer}"] = interval(value.low_95, value.high_95)
        known = next((value.published for value in of.values() if math.isfinite(value.published)), None)
        cells_of["published"] = "" if known is None else alone([known])[0]
        for kind, value in of.items():
            off = difference_as_text(value.difference, in_per_cent=False)
            ratio = value.difference / value.published if is_radius(target) and value.published > 0 else math.nan
            more = f" ({difference_as_text(ratio, in_per_cent=True)})" if math.isfinite(ratio) else ""
            cells_of[f"{kind} less published"] = off + more
        rows.append((target, cells_of))
    order = [f"{kind}{share}" for kind in (NETWORK, REFINED) for share in ("", f", {inner}", f", {outer}")]
    order += ["published", f"{NETWORK} less published", f"{REFINED} less published"]
    heads = [head for head in order if any(of.get(head) for _, of in rows)]
    return heads, [(target, [of.get(head, "") for head in heads]) for target, of in rows]


def headline(found):
    """How many lenses there are, how many of them are flagged, and how many could not be fitted."""
    flagged, unfitted = sum(bool(lens.flags) for lens in found), sum(lens.fitted is False for lens in found)
    words = "1 lens" if len(found) == 1 else f"{len(found):,} lenses"
    words += f", {flagged:,} with flags" if flagged else ", none with a flag"
    return words + (f", {unfitted:,} not fitted" if unfitted else "")


def lead(rows):
    """A sentence on how the best estimate of radii agrees with published values; "" without these."""
    of_radii = [row for row in rows if row.near and not row.unflagged]
    best = [row for row in of_radii if row.of == REFINED] or of_radii
    if not best:
        return ""
    row, name = best[0], "refined" if best[0].of == REFINED else "predicted"
    far = f"{row.far} are" if row.far > 1 else "one is" if row.far else "none is"
    return (
        f"Einstein radii as {name}: {row.near[0]} of {row.n} are within {percent(NEAR[0])} of the published ones and "
        f"{row.near[1]} within {percent(NEAR[1])}; {far} off by more than {percent(FAR)}."
    )


def frame_words(found):
    """A sentence on the frame of what turns with the image; "" where nothing does, or none is named."""
    turned = {kind for lens in found for target, of in lens.values.items() if is_turned(target) for kind in of}
    frames = {kind: {lens.frames.get(kind, "") for lens in found} - {""} for kind in (NETWORK, REFINED)}
    named = {kind: sorted(of) for kind, of in frames.items() if kind in turned and of}
    if not named:
        return ""
    means = {"array": "x along a row to the right, y up a column", "north_east": "x to the North, y to the East"}
    frames = sorted({frame for of in named.values() for frame in of})
    if len(frames) > 1:
        told = "; ".join(f"{kind}: {' and '.join(of)}" for kind, of in named.items())
        return f"Ellipticities, shears, offsets and angles are not all in one frame ({told})."
    words = f" ({means[frames[0]]})" if frames[0] in means else ""
    return f"Ellipticities, shears, offsets and angles are in the frame {frames[0]}{words}."


def fit_number(name, value):
    """What was measured of a fit, as text."""
    if name == "seconds":
        return f"{value:.1f} s"
    return {"images": f"{value:.0f}", "agreeing": percent(value)}.get(name, f"{value:#.3g}".rstrip("."))


def sentence(words):
    """Words with a capital and a full stop; "" for none."""
    return words and words[0].upper() + words[1:].rstrip(".") + "."


def _small(lens, pages_of, fits):
    """The picture in a row, a path, or None."""
    of_fit = _picture(lens, pages_of) if fits else None
    return _thumbnail(lens, pages_of) or of_fit


def _thumbnail(lens, pages_of):
    path = pages_of / SMALL / f"{lens.file}.png"
    return path if path.is_file() else None


def _picture(lens, pages_of):
    """The picture of a fit, a path, or None."""
    path = pages_of / f"{lens.file}.png"
    return path if path.is_file() else None


def _exported(lens, exports):
    """What was written of a lens for other programs: path -> words."""
    if exports is None:
        return {}
    paths = {Path(exports) / f"{lens.file}{suffix}": words for suffix, words in EXPORTS.items()}
    of_fit = {Path(exports) / OF_FITS / f"{lens.file}{suffix}": words for suffix, words in EXPORTS.items()}
    paths |= {path: f"{words}: the fit" for path, words in of_fit.items()}
    return {path: words for path, words in paths.items() if path.is_file()}
