"""The first images of a GPU beside the CPU's, so that nothing is trained on images that a compiler made wrong."""

import numpy as np

from ..errors import LenStreamError
from .render import render_all
from .selection import draw
from .systems.draw import Views, by_grid

ALLOWED = 0.02  # of the peak; adaptive rays differ by up to 1e-3


def refuse_wrong_images(scene, renderers):
    """Raise LenStreamError if the first system's image without noise is not that of the CPU.

    renderers: what `cuda_render.make_renderer` returned for each of `scene.grids`.
    """
    for (grid, systems), render in zip(by_grid(scene, draw(scene, np.arange(1), Views())), renderers, strict=True):
        expected = render_all(grid, systems, noise=False).images
        difference = np.abs(render(systems, noisy=False).images.cpu().numpy() - expected).max()
        if not difference <= ALLOWED * np.abs(expected).max():
            raise LenStreamError(
                f"the GPU's images are wrong: the first one differs by {difference:.2g} from the CPU's, whose peak is "
                f"{np.abs(expected).max():.2g} counts/s; another version of numba-cuda may be right, and device cpu is"
            )
