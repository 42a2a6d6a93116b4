"""Settings of the selection: which drawn systems are kept."""

from pydantic import model_validator

from .keys import Section, key

CUTS = ("arc_snr_min", "magnification_min", "image_separation_min")


class Selection(Section):
    """Lenses that would be found: a system that misses a cut is drawn anew, with the same index and the next attempt.

    Signal to noise is that of the arcs, without lens light: sqrt(sum over pixels of source^2 / variance of the noise).
    The magnification is the lensed source's flux in the frame over its total flux before lensing. The image
    separation is the largest distance between two images of the source's centre.
    """

    arc_snr_min: float | None = key(
        "least signal to noise of the arcs: sqrt(sum over pixels of source^2 / noise variance)", "-", None, gt=0
    )
    magnification_min: float | None = key(
        "least magnification: lensed flux in the frame / unlensed total flux", "-", None, gt=0
    )
    image_separation_min: float | None = key(
        "least distance between the two images of the source's centre that are furthest apart", "arcsec", None, gt=0
    )
    max_attempts: int = key("draws before a system is given up, with an error", "draws", 100, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def at_least_one(self):
        if all(getattr(self, name) is None for name in CUTS):
            raise ValueError(f"give at least one of {', '.join(CUTS)}")
        return self
