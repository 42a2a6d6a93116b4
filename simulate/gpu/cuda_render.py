"""The renderer of the GPU: from the parameters of systems, which the host draws, to their images.

What a GPU and a CPU do is the same physics by the same scalar functions (`simulate.profiles`, `simulate.refinement`,
`simulate.detector.pixel_noise`); what differs is the order of the work. Subhalos are traced one by one, which costs a
GPU little, where a CPU interpolates (`simulate.cpu.halos`).
"""

from dataclasses import dataclass

import numpy as np
import torch

from ..detector import pixel_noise
from ..kernel_arguments import ADAPTIVE, Maps
from ..moments import number_of_moments
from ..packing import layers_of, pack, pack_maps, pack_stamps
from . import cuda_adaptive as adaptive
from . import cuda_moment_blur as moment_blur
from . import cuda_noise as noise
from . import cuda_psf as psf
from . import cuda_tables as tables
from . import double, fixed  # noqa: F401  (`double` only has to be there)
from .kernels import current_stream, to_device, wrap

AT_ONCE = 1 << 24  # fine pixels of all layers that are worked on together
HELD = 15  # numbers for each of them, without moments
MOST_BLOCKS = 65535  # in the second direction of a grid, which the layers of the systems share


@dataclass(frozen=True)
class DeviceImages:
    """Images of n systems with v views in b bands, on a device."""

    images: torch.Tensor  # (n, v, b, num_pix, num_pix) [counts/s/pixel], row 0 at the bottom (lowest y)
    arcs: torch.Tensor | None  # float64 (n, v, b, 2): the source's flux in the frame [counts/s], its (S/N)^2


def unsupported(scene):
    """What of a scene only the CPU can render, in words; None if a GPU can do it all."""
    if scene.config.observation.defect is not None:
        return "a detector defect"
    if scene.config.observation.subtract_lens_light:
        return "a subtraction of lens light"
    if any(band.sky is not None for band in scene.bands.values()):
        return "sky from cut-outs"
    if any(band.loses_pixels for band in scene.bands.values()):
        return "bad pixels or cosmic rays"
    return None


def make_renderer(scene, device, dtype=torch.float32):
    """render(systems, noisy=None, rays=None, arcs=False) -> `DeviceImages`, on torch's current stream of a device.

    It returns before the device is done, as torch's own functions do. noisy: whether to add noise; rays: along a
    pixel's side, or "adaptive"; None takes what the config says. arcs: whether flux and signal to noise of the lensed
    source are wanted. dtype: torch.float32, or torch.float64 for tests.

    Raises: ValueError for a scene of which `unsupported` says something.
    """
    if unsupported(scene):
        raise ValueError(f"only the CPU renders {unsupported(scene)}")
    floating = np.float32 if dtype == torch.float32 else np.float64
    resident = [
        (Maps(*(to_device(_not_empty(a), device) for a in pack_maps(scene, t))), to_device(s, device))
        # only Sersic profiles are computed in float64 beside float32, so no stamps are needed there
        for t, s in ((floating, pack_stamps(scene, np.dtype(floating))), (np.float64, np.zeros((1, 3, 3))))
    ]

    def run(systems, noisy=None, rays=None, arcs=False):
        n, n_layers = len(systems.indices), systems.views.n * len(scene.bands)
        size = scene.config.image.num_pix
        work = pack(scene, systems, floating, rays, exact_halos=True)
        noisy = scene.config.observation.noise if noisy is None else noisy
        images = torch.empty(n, n_layers, size, size, dtype=dtype, device=device)
        arc_values = torch.empty(n, n_layers, 2, dtype=torch.float64, device=device) if arcs else None
        kept = 2 * number_of_moments(work.blur.degree) + work.blur.degree  # of source and lens light, and rows of them
        pixels = (size * work.frame.supersampling) ** 2 * (HELD + kept) // HELD
        layers = min(AT_ONCE // pixels, MOST_BLOCKS)
        step = max(1, layers // n_layers)
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            _render(scene, systems, work, resident, part, images[part], arc_values[part] if arcs else None)
            if noisy:
                _add_noise(scene, systems, work, part, images[part])
        shape = n, systems.views.n, len(scene.bands)
        return DeviceImages(images.view(*shape, size, size), arc_values.view(*shape, 2) if arcs else None)

    return run


def _render(scene, systems, work, resident, part, images, arcs):
    """Fill images (n, L, size, size) and, unless None, arcs (n, L, 2) of a part of the systems, without noise."""
    frame, dtype, device = work.frame, images.dtype, images.device
    stream, n_layers, ss = current_stream(device), images.shape[1], work.frame.supersampling
    given, halo_first = tables.parameters(tables.rows_of(work.tables, part), device)
    profiles = tables.profiles_of(scene, systems)
    scale, is_adaptive = frame.pixel_scale / ss, frame.rays == ADAPTIVE
    rays = 1 if is_adaptive else max(1, frame.rays // ss)
    grid = fixed.make_grid(frame.num_pix * ss, scale, rays, dtype, device)
    exact_cusps = dtype == torch.float32 and not is_adaptive
    constants = wrap(tables.constants(given, halo_first, *resident[0], stream))
    exact = wrap(tables.constants(given, halo_first, *resident[1], stream)) if exact_cusps else constants
    source, unlensed, beta = fixed.shoot(profiles, grid, constants, exact, exact_cusps, n_layers, stream)
    has_light = work.tables.light_profiles.shape[2] > 0
    own = work.blur._replace(**{name: getattr(work.blur, name)[part] for name in ("sigma", "kernel", "which", "core")})
    blur, spread = psf.make_point_spread(own, dtype, device), moment_blur.make_moment_spread(own, dtype, device)
    others = of_light = None
    if is_adaptive:
        settings = constants, grid, frame.tolerance
        source, others = adaptive.refine(profiles, True, *settings, (source, beta), spread, stream)
        if has_light:
            unlensed, of_light = adaptive.refine(profiles, False, *settings, (unlensed, beta), spread, stream)

    def observe(brightness, others):
        out = psf.observe(brightness, frame.num_pix, ss, scale**2, blur, stream)
        if is_adaptive and spread.degree > 0:
            moment_blur.blur_moments(brightness, others, scale**2, spread, out, stream)
        return out

    arc = observe(source, others)
    images.copy_(arc)
    if has_light:
        images += observe(unlensed, of_light)
    if arcs is not None:
        arcs[..., 0] = source.sum(-1, dtype=torch.float64) * scale**2
        arcs[..., 1] = _signal_to_noise2(arc, images, to_device(work.variance[part], device))


def _add_noise(scene, systems, work, part, images):
    """Add noise to images (n, L, size, size) of a part of the systems, in place."""
    bands, streams = layers_of(scene, systems)
    instruments, device = list(scene.bands.values()), images.device
    correlations = [instruments[b].noise_correlation for b in bands]
    indices, variance = systems.indices[part], work.variance[part]
    detector = noise.make_detector(indices, streams, correlations, variance, images.dtype, device)
    noise.add_noise(images, detector, scene.seed, current_stream(device))


def _signal_to_noise2(arc, images, levels):
    """Signal to noise of arcs in images, squared: the sum over pixels of arc^2 / variance, float64 (n, L).

    levels: (n, L, 2), background rms [counts/s] and electrons that one count/s gives.
    """
    background, electrons = levels[..., None, None].unbind(2)
    noise2 = pixel_noise.variance(images.clamp(min=0.0).double(), background**2, 1.0 / electrons)
    return (arc.double() ** 2 / noise2).sum((-2, -1))


def _not_empty(array):
    """Arrays of no size are a special case on the way to a device."""
    return array if array.size else np.zeros([max(s, 1) for s in array.shape], array.dtype)
