"""Pages of real lenses beside their predictions: what networks and fits say, with thumbnails and doubts."""

from ..show import lens_pages
from . import fit_doubts, flags, lens_thumbnails

MEANINGS = flags.MEANINGS | fit_doubts.MEANINGS


def write_pages(out, cutouts, results, doubts, exports=None):
    """Write lenses.html and lenses/ in a folder: the path of the page.

    Args: out: `Path`. cutouts: list of `cutouts.Cutout`. results: `show.report.RealLensResults` of them. doubts: of
        each lens, a list of `flags.Doubt`. exports: folder with files for other programs, or None.

    Raises: OSError.
    """
    lens_thumbnails.draw_thumbnails(cutouts, out / lens_pages.FOLDER / lens_pages.SMALL)
    predictions = results.table.assign(found=[flags.found(of) for of in doubts])
    refined = None if results.refined is None else results.refined.table
    return lens_pages.write_lens_pages(out, predictions, refined, MEANINGS, exports)
