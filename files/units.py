"""From totals to rates: the factor that makes counts/s of an image in counts, by BUNIT and the exposure time."""

import re

from ..errors import DataError
from .pixel_scale import number

EXPOSURES = ("EXPTIME", "TEXPTIME", "XPOSURE", "EXPOSURE", "EFFEXPTM", "TOTEXPT")  # seconds
CALIBRATED = re.compile(r"JY|MAGG|ERG|W/?M|FLAM|FNU")
TOTALS = ("E", "E-", "ELECTRON", "ELECTRONS", "COUNT", "COUNTS", "CT", "CTS", "ADU", "DN", "PHOTON", "PHOTONS")


def rate_factor(headers):
    """What a flux is to be multiplied by for counts/s: 1 / exposure time [s] if BUNIT is a total, such as electrons.

    Without BUNIT or an exposure time the factor is 1. Fluxes in nJy, MJy/sr and the like keep their unit: predictions
    look at an image in units of its noise. headers: of the image, then of its file.

    Raises: DataError for magnitudes.
    """
    unit = _unit(headers)
    if re.match(r"MAG\b|.*\bMAG\(", unit):
        raise DataError(f"its BUNIT is {unit.lower()}: expected a flux, such as counts/s.")
    if re.sub(r"\s*/?\s*(PIX|PIXEL)S?$", "", unit).strip() not in TOTALS:
        return 1.0
    seconds = [number(h, key) for h in headers for key in EXPOSURES]
    return next((1.0 / s for s in seconds if s is not None and s > 0), 1.0)


def is_calibrated(headers):
    """Whether BUNIT is a flux density, such as nJy, nanomaggy, MJy/sr or erg/s/cm2/A, and no rate of a detector."""
    return CALIBRATED.search(_unit(headers)) is not None


def _unit(headers):
    return next((h["BUNIT"] for h in headers if isinstance(h.get("BUNIT"), str)), "").strip().upper()
