"""Pages of real lenses beside their predictions: what networks and fits say, with thumbnails and doubts."""

from ..show import lens_pages
from . import fit_doubts, flags, lens_thumbnails

MEANINGS = flags.MEANINGS | fit_doubts.MEANINGS


def write_pages(out, cutouts, table, doubts, refined=None, exports=None):
    """Write lenses.html and lenses/ in a folder: the path of the page.

    Args: out: `Path`. cutouts: list of `cutouts.Cutout`. table: of `published.prediction_table`. doubts: of each lens,
        a list of `flags.Doubt`. refined, exports: as `show.lens_pages.write_lens_pages` has them.
    """
    found = [flags.found(of) for of in doubts]
    lens_thumbnails.draw_thumbnails(cutouts, out / lens_pages.FOLDER / lens_pages.SMALL)
    return lens_pages.write_lens_pages(out, table.assign(found=found), refined, MEANINGS, exports)
