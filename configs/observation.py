"""Settings of the pixel grid, the instrument, the point-spread function and the noise."""

from typing import Literal

from pydantic import model_validator

from .keys import Parameter, Section, check_ranges, key, parameter


class Image(Section):
    """The pixel grid."""

    num_pix: int = key("pixels on a side", "pixels", ge=4, le=4096)
    pixel_scale: float | None = key("size of a pixel; empty: the instrument's", "arcsec", None, gt=0, le=100)
    rays: int = key("rays along a side of a pixel (2 means 4 rays a pixel)", "rays", 2, ge=1, le=32)


class PSF(Section):
    """The point-spread function."""

    kind: Literal["gaussian", "pixel", "none"] = key("gaussian (edge pixels repeated), pixel (a kernel) or none")
    fwhm: Parameter | None = parameter("full width at half maximum, for gaussian", "arcsec", None, low=1e-6, high=100)
    truncation: float = key("radius at which the Gaussian is cut", "sigma", 5.0, gt=0, le=20)
    file: str | None = key("FITS file with the kernel at the image's pixel scale, for pixel", "-", None)
    size: int | None = key("side to which the kernel is cut, odd; empty: as in the file", "pixels", None, ge=1)

    ranges = model_validator(mode="after")(check_ranges)

    @model_validator(mode="after")
    def kind_has_its_keys(self):
        if self.kind == "pixel" and self.file is None:
            raise ValueError("a pixel PSF needs the key file")
        if self.size is not None and self.size % 2 == 0:
            raise ValueError(f"size must be odd, so that the kernel has a central pixel; got {self.size}")
        return self


class Observation(Section):
    """How the sky becomes counts: an instrument by name, with any of its numbers replaced."""

    instrument: str | None = key(
        "lenstronomy's instrument and band, e.g. HST/WFC3_F160W, Euclid/VIS, LSST/i; empty: the keys below", "-", None
    )
    exposure_time: float | None = key("one exposure", "s", None, gt=0)
    num_exposures: int | None = key("exposures that are added", "exposures", None, ge=1)
    magnitude_zero_point: float | None = key("magnitude of one count per second", "AB mag", None)
    read_noise: float | None = key("rms of one read-out", "electrons", None, ge=0)
    sky_brightness: float | None = key("surface brightness of the sky", "AB mag/arcsec^2", None)
    background_noise: float | None = key("rms of the background, instead of read noise and sky", "counts/s", None, ge=0)
    noise: bool = key("add background and Poisson noise", default=True)
    psf: PSF | None = key("point-spread function; empty: the instrument's", "-", None)
