"""Many images of a set in files, read in pieces, with a bar where that takes long."""

import numpy as np
import torch

from ...progress import bar
from ...ssl.archive_images import ArchiveImages

AT_A_TIME = 64  # images in a piece
MANY = 2000  # images from which on reading them is worth one


def read_many(images, places):
    """The first views at some places of a set, float32 (n, bands, num_pix, num_pix).

    images: `ssl.set_images.SetImages` or another with `read_all`. An archive is read in one go, as it decodes
    neighbours together. Raises: DataError for an image that cannot be read.
    """
    if isinstance(images, ArchiveImages):
        return torch.from_numpy(images.read_all(places))
    found, done = torch.empty(len(places), images.bands, images.num_pix, images.num_pix), 0
    for some in in_pieces(images, places, "reading images"):
        found[done : done + len(some)] = torch.from_numpy(some)
        done += len(some)
    return found


def in_pieces(images, places, title):
    """The first views at some places of a set, a few at a time: float32 numpy (k, bands, num_pix, num_pix) each.

    images: as of `read_many`. title: of the bar.
    """
    with bar(title, len(places), show=len(places) >= MANY) as progress:
        for start in range(0, len(places), AT_A_TIME):
            some = np.asarray(places[start : start + AT_A_TIME])
            yield images.read_all(some)
            progress.update(start + len(some))
