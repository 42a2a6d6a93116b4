"""astropy's sky coordinates (WCS) of a FITS header, or None where its keys do not make any."""

import re
import warnings

# Tables of distortions in other extensions: arcseconds at most, and the file may lack them.
_DISTORTION = re.compile(r"(CPDIS|CQDIS|D2IMDIS|DP|DQ|D2IM)\d")


def sky_coordinates(header):
    """The `astropy.wcs.WCS` of the first two axes of a header (an `astropy.io.fits.Header`, which stays as it is)."""
    from astropy.wcs import WCS

    plain = header.copy()
    for key in [key for key in plain if _DISTORTION.match(key)]:
        del plain[key]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return WCS(plain, naxis=2)
        except Exception:  # a broken set of keys is as good as none; astropy raises errors of many types
            return None
