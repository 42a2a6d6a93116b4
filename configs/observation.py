"""Settings of the pixel grid, the instrument, the point-spread function and the noise."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from .keys import Section, key
from .parameters import Parameter, check_ranges, parameter


class Image(Section):
    """The pixel grid."""

    num_pix: int = key("pixels on a side", "pixels", ge=4, le=4096)
    pixel_scale: float | None = key("size of a pixel; empty: the instrument's", "arcsec", None, gt=0, le=100)
    rays: Annotated[
        Annotated[int, Field(ge=1, le=128), Tag("number")] | Annotated[Literal["adaptive"], Tag("word")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "number"),
    ] = key(
        "rays along a side of a pixel (2: 4 rays a pixel), or adaptive: as many as the tolerance needs",
        "rays",
        "adaptive",
    )
    tolerance: float = key(
        "largest error of a pixel with adaptive rays, behind the PSF", "of the peak", 1e-3, ge=1e-6, le=0.1
    )


class BandImage(Section):
    """The pixel grid of one band, where it is another than that of `simulate.image`."""

    num_pix: int | None = key(
        "pixels on a side; empty: as many as come nearest to the field of simulate.image", "pixels", None, ge=4, le=4096
    )
    pixel_scale: float | None = key(
        "size of a pixel; empty: that of simulate.image, or else the instrument's", "arcsec", None, gt=0, le=100
    )


class PSF(Section):
    """The point-spread function."""

    kind: Literal["gaussian", "moffat", "pixel", "none"] = key(
        "gaussian (edge pixels repeated), moffat, pixel (kernels from files) or none"
    )
    fwhm: Parameter | None = parameter(
        "full width at half maximum, for gaussian and moffat; empty: the instrument's",
        "arcsec",
        None,
        low=1e-6,
        high=100,
    )
    beta: Parameter | None = parameter("power of the wings, for moffat", "-", None, low=1.05, high=100)
    truncation: float = key("radius at which the Gaussian is cut", "sigma", 5.0, gt=0, le=20)
    file: str | None = key(
        "FITS file with a kernel or a cube of kernels, or a folder of such files, of which one is drawn, for pixel",
        "-",
        None,
    )
    size: int | None = key(
        "side to which kernels are cut, odd; empty: as in the file; moffat: 4 FWHM to each side",
        "kernel pixels",
        None,
        ge=1,
    )
    supersampling: Annotated[
        Annotated[int, Field(ge=1, le=16), Tag("number")] | Annotated[Literal["auto"], Tag("word")],
        Discriminator(lambda value: "word" if isinstance(value, str) else "number"),
    ] = key(
        "the PSF is applied on pixels finer by this, and kernels in a file have pixels as fine; auto: with adaptive "
        "rays a gaussian or moffat acts on where in a pixel the light lies, as if on ever finer pixels; with a number "
        "of rays, and for kernels in a file, it is 1",
        "-",
        "auto",
    )

    ranges = model_validator(mode="after")(check_ranges)

    @model_validator(mode="after")
    def kind_has_its_keys(self):
        for name, kinds in (("fwhm", ("gaussian", "moffat")), ("beta", ("moffat",)), ("file", ("pixel",))):
            if getattr(self, name) is not None and self.kind not in kinds:
                raise ValueError(f"{name} belongs to a {' or '.join(kinds)} PSF, but kind is {self.kind}")
        for name, kind in (("file", "pixel"), ("beta", "moffat")):
            if self.kind == kind and getattr(self, name) is None:
                raise ValueError(f"a {kind} PSF needs the key {name}")
        if self.size is not None and self.size % 2 == 0:
            raise ValueError(f"size must be odd, so that the kernel has a central pixel; got {self.size}")
        return self


class Subtracted(Section):
    """Light of the lens that was fitted and subtracted, so that what the fit got wrong is left of it."""

    component: int = key("its place in lens_light, from 0; a Sersic profile", ge=0)
    error: Parameter = parameter(
        "standard deviation of the fit's errors: of the logarithms of flux, radius and index, of e1 and e2, and of the "
        "centre in radii; a law gives every lens a fit of another quality",
        "-",
        low=0,
        high=0.5,
    )

    ranges = model_validator(mode="after")(check_ranges)


class Unfitted(Section):
    """What of the lens light no smooth fit with a PSF that is slightly wrong follows, as a fraction of that light."""

    fraction: Parameter = parameter(
        "rms of smooth random multipoles of order 0 to 4, over the light, to 1.2 arcsec from the centre",
        "-",
        low=0,
        high=0.5,
    )
    centre: Parameter = parameter(
        "how much too bright the fit is in the middle, over the light there, as with a PSF that is too narrow: it is "
        "too faint around; below 0: the other way",
        "-",
        0.0,
        -0.5,
        0.5,
    )
    radius: float = key(
        "scale of that: at the distance r it is times (1 - r^2 / 2 radius^2) exp(-r^2 / 2 radius^2)",
        "arcsec",
        0.04,
        gt=0,
        le=1,
    )

    ranges = model_validator(mode="after")(check_ranges)


class Disks(Section):
    """Disks whose pixels are lost, anywhere in an image, as around masked neighbours."""

    number: float = key("mean number", "per image", gt=0, le=5)
    radius: Parameter = parameter("radius of each", "arcsec", low=0, high=100)
    nearest: float = key("those that come nearer to the centre of the image are left out", "arcsec", 0.0, ge=0)

    ranges = model_validator(mode="after")(check_ranges)


class FromInstrument(Section):
    """Numbers of an observation that were not given but are an instrument's, as lenstronomy had them."""

    instrument: str = key("the instrument and band that they are of")
    coadd_years: int | None = key("years of a survey that are added", "years", None)
    survey_mode: str | None = key("survey of Roman", "-", None)
    lenstronomy: str | None = key("version of lenstronomy that they are from", "-", None)
    pixel_scale: float | None = key("size of a pixel", "arcsec", None, gt=0)
    exposure_time: float | None = key("one exposure", "s", None, gt=0)
    num_exposures: int | None = key("exposures that are added", "exposures", None, ge=1)
    magnitude_zero_point: float | None = key("magnitude of one electron per second", "mag(AB)", None)
    read_noise: float | None = key("rms of one read-out", "electrons", None, ge=0)
    sky_brightness: float | None = key("surface brightness of the sky", "mag(AB/arcsec2)", None)
    ccd_gain: float | None = key("electrons in an ADU", "electrons", None, gt=0)
    psf_type: str | None = key("kind of the PSF, by lenstronomy's name", "-", None)
    seeing: float | None = key("full width at half maximum of the PSF", "arcsec", None, gt=0)


class Observation(Section):
    """How the sky becomes counts: an instrument by name, with any of its numbers replaced."""

    instrument: str | None = key(
        "lenstronomy's instrument and band, e.g. HST/WFC3_F160W, Euclid/VIS, LSST/i; empty: the keys below", "-", None
    )
    coadd_years: int | None = key("years of a survey that are added, where the instrument has it", "years", None, ge=1)
    survey_mode: str | None = key("survey of Roman, e.g. wide_area, time_domain_deep", "-", None)
    from_instrument: FromInstrument | None = key(
        "which of the numbers are the instrument's, as they were looked up; another instrument replaces them", "-", None
    )
    exposure_time: Parameter | None = parameter("one exposure", "s", None, low=1e-3, high=1e9)
    num_exposures: int | None = key("exposures that are added", "exposures", None, ge=1)
    magnitude_zero_point: float | None = key("magnitude of one electron per second", "mag(AB)", None)
    read_noise: float | None = key("rms of one read-out", "electrons", None, ge=0)
    sky_brightness: float | None = key("surface brightness of the sky", "mag(AB/arcsec2)", None)
    background_noise: float | None = key("rms of the background, instead of read noise and sky", "counts/s", None, ge=0)
    ccd_gain: float | None = key("electrons in an ADU", "electrons", None, gt=0)
    data_count_unit: Literal["e-", "ADU"] = key("what a count is: an electron or an ADU", default="e-")
    noise: bool = key("add the background's noise and the light's Poisson noise, a normal number", default=True)
    noise_correlation: float = key(
        "correlation of the noise in neighbouring pixels, as drizzling makes it (HST: about 0.28)",
        "-",
        0.0,
        ge=0,
        le=0.7,
    )
    noise_scale: float = key(
        "rms of the noise of read-out, sky and light over what a pixel's own electrons give, as resampling smooths it "
        "(drizzled HST: about 0.68, where neighbours correlate by 0.28); a given background_noise stays as it is",
        "-",
        1.0,
        gt=0,
        le=10,
    )
    sky_cutouts: str | None = key(
        "folder of images of blank sky (FITS, .npy, .npz; counts/s, background subtracted); a patch of one, drawn anew "
        "each time, takes the place of the Gaussian background",
        "-",
        None,
    )
    subtract_lens_light: list[Subtracted] = key(
        "components of the lens light of which a fitted model is subtracted from the image, whose noise is left; what "
        "the fit got wrong is drawn anew with the noise; of all bands",
        default=[],
    )
    unfitted_light: Unfitted | None = key(
        "what the fit of subtract_lens_light cannot follow, whatever its parameters; empty: nothing", "-", None
    )
    bad_pixels: float = key("fraction of pixels that are lost", "-", 0.0, ge=0, lt=1)
    cosmic_rays: float = key("mean number of cosmic-ray tracks, whose pixels are lost", "per image", 0.0, ge=0, le=500)
    cosmic_rays_up_to: float | None = key(
        "longest exposure, all exposures together, that loses pixels to cosmic rays: a longer one is of several, which "
        "together lose none; empty: any",
        "s",
        None,
        gt=0,
    )
    masked_disks: Disks | None = key("disks that are lost, as around masked neighbours; empty: none", "-", None)
    mask_value: Literal["nan", 0] = key("what a lost pixel holds: 0 or nan", "counts/s", 0)
    psf: PSF | None = key("point-spread function; empty: the instrument's", "-", None)
    defect: Literal["double_poisson", "doubled_model", "clipped_over_peak"] | None = key(
        "a known defect of a published dataset, reproduced in place of the noise", "-", None
    )

    ranges = model_validator(mode="after")(check_ranges)

    @model_validator(mode="after")
    def only_one_background(self):
        if self.sky_cutouts is not None and self.background_noise is not None:
            raise ValueError("give either sky_cutouts or background_noise, not both")
        return self

    @model_validator(mode="after")
    def subtraction_is_possible(self):
        numbers = [subtracted.component for subtracted in self.subtract_lens_light]
        if len(set(numbers)) < len(numbers):
            raise ValueError("subtract_lens_light: every component is subtracted once, but one is there twice")
        if not numbers and self.unfitted_light is not None:
            raise ValueError("unfitted_light: it belongs to a fit, but subtract_lens_light names no component")
        if numbers and self.defect is not None:
            raise ValueError("subtract_lens_light: images with a defect are those of a published dataset, as they are")
        return self
