"""Files of a fit for other programs: COOLEST with its images, and a script that goes on with it in lenstronomy."""

import numpy as np

from ...files.coolest_files import write_coolest
from ...files.whole import write_text
from ...simulate.exchange.coolest_template import coolest_template, joint_samples
from ...simulate.exchange.lenstronomy_script import lenstronomy_script


def write_fit(folder, name, terms, described, fitted, covariance, cards=()):
    """Write NAME.json with its images, NAME_image.fits and so on, and NAME.py of a lens in one band.

    Args:
        folder: to write to, there already, a `Path`. terms: of lenstronomy. described: `coolest_template.Described`.
        fitted: ((number of the deflector, parameter), value) of what is fitted. covariance: theirs, (p, p).
        cards: of the images' headers, as of `coolest_files.write_coolest`.

    Raises: DataError for what COOLEST has not; OSError.
    """
    samples = joint_samples([value for _, value in fitted], covariance)
    of_lens = [{} for _ in terms["kwargs_lens"]]
    for ((k, parameter), _), values in zip(fitted, samples, strict=True):
        of_lens[k][parameter] = values
    template, images = coolest_template(terms, described, {"kwargs_lens": of_lens})
    write_coolest(folder / f"{name}.json", template, images, cards)
    sigmas = np.sqrt(np.diag(covariance))
    errors = [(*place, float(sigma)) for (place, _), sigma in zip(fitted, sigmas, strict=True)]
    text = lenstronomy_script(name, _in_electrons(terms, described.gain), errors, template, "mask" in images)
    write_text(folder / f"{name}.py", text)


def _in_electrons(terms, gain):
    """Terms whose parametric light is in electrons."""
    own = [{n: v * gain if n == "amp" else v for n, v in values.items()} for values in terms["kwargs_lens_light"]]
    return terms | {"kwargs_lens_light": own}
