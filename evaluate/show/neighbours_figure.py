"""Draw images with their nearest neighbours in a row each, with cosines and labels."""

from .figures import SKY, bare, paired, stretch
from .symbols import after_number, symbol
from .umap_figure import OVERLAY_COLOURS

SHOWN = 20  # images that are asked about
COLUMNS = 10  # neighbours of each
LABELS = 3  # below a neighbour


def draw(queries, sets, found, thumbnails, path):
    """Write a PNG and its dark twin.

    Args: queries, sets, found: of `similar.nearest`. thumbnails: (set, number) -> image (h, w), of all neighbours that
    are shown.
    """
    found = found[:SHOWN]
    columns = max([min(len(one.places), COLUMNS) for one in found] + [1])
    lines = max([_words(sets, *place).count("\n") + 1 for one in found for place in one.places[:columns]] + [1])
    height = 1.28 + 0.16 * (lines + 1)
    with paired(path, 1.3 * (columns + 1) + 0.3, height * len(found) + 0.5) as fig:
        fig.suptitle("Image (left, framed) and its nearest neighbours with cosines, nearest first", fontsize=10)
        for row, one in zip(fig.subplots(len(found), columns + 1, squeeze=False), found, strict=True):
            _panel(row[0], queries.images[one.query].sum(0), "", _words([queries], 0, one.query), OVERLAY_COLOURS[1])
            for ax, place, cosine in zip(row[1:], one.places, one.cosines, strict=False):
                title = f"{cosine:.3f}".replace("-", "\N{MINUS SIGN}")
                _panel(ax, thumbnails[place], title, _words(sets, *place))
            for ax in row[1 + min(len(one.places), columns) :]:
                ax.set_axis_off()


def _panel(ax, image, title, words, frame=None):
    ax.imshow(stretch(image), **SKY)
    bare(ax, frame)
    for side in ax.spines.values():
        side.set_linewidth(2.5)
    ax.set_title(title, fontsize=8.5, pad=3)
    ax.set_xlabel(words, fontsize=7, labelpad=3)


def _words(sets, k, number):
    """The name of an image, its set if there are several, and its labels, a line each."""
    lines = [_cut(sets[k].names[number]), *([_cut(f"in {sets[k].name}")] if len(sets) > 1 else [])]
    labels = {label: values[number] for label, values in sets[k].labels.items()}
    known = {label: value for label, value in labels.items() if value is not None and value == value}
    for label, value in list(known.items())[:LABELS]:
        word = value if isinstance(value, str) else f"{value:.3g}".replace("-", "\N{MINUS SIGN}") + after_number(label)
        lines.append(f"{symbol(label)} {_cut(word)}")
    return "\n".join(lines)


def _cut(text, length=18):
    """Text that fits below an image, without the beginning of a formula; the end of a name tells most."""
    text = str(text) if len(str(text)) <= length else f"…{str(text)[1 - length :]}"
    return text.replace("$", r"\$")
