"""Render a workload with caustics in a process of its own; argument: torch or jax, its backend.

EPL with chunk_size=1 (several times the default's speed). With torch, vmap over a batch of systems; with JAX, jit of
either vmap or lax.map, whichever is faster on the spot.
"""

import os
import sys
import time

os.environ["CASKADE_BACKEND"] = sys.argv[1]
import caustics
import numpy as np
from caskade import Param, forward
from caustics.backend_obj import backend
from worker import psf_kernel, serve

BATCH = {"torch": 8, "jax": 16}


class Stamp(caustics.Pixelated):
    """A galaxy image that can be turned; caustics's own stays along the axes."""

    def __init__(self):
        super().__init__(scale=None)
        self.phi = Param("phi", None, shape=(), units="radians")

    @forward
    def brightness(self, x, y, x0, y0, image, pixelscale, scale, phi):
        x, y = caustics.utils.translate_rotate(x, y, x0, y0, phi)
        half = 0.5 * pixelscale * image.shape[0]
        return caustics.utils.interp2d(image * scale, x.reshape(-1) / half, y.reshape(-1) / half).reshape(x.shape)


def prepare(work):
    sim = simulator(work)
    (source,) = work.source
    columns = lens_columns(work) + (stamp_columns if source == "INTERPOL" else sersic_columns)(work)
    columns = [np.ascontiguousarray(c, dtype=np.float32) for c in columns]
    # beyond the middle of the last pixel caustics extrapolates: one more ring of zeros keeps it at zero
    images = np.pad(work.images, ((0, 0), (1, 1), (1, 1))).astype(np.float32)
    batch = BATCH[sys.argv[1]]

    def parameters(rows):
        out = [backend.as_array(c[rows]) for c in columns]
        if source == "INTERPOL":
            out.insert(-3, backend.as_array(images[work.source[source]["image"][rows, 0].astype(int)]))
        return out

    run = backend.vmap(lambda p: sim(p))
    if sys.argv[1] == "jax":
        run = faster(run, sim, parameters(np.arange(batch)))
    return lambda rows: backend.to_numpy(run(parameters(rows))), batch


def simulator(work):
    """caustics's LensSource, with everyone's rays: a regular grid in each pixel instead of Gauss's points."""
    meta, side = work.meta, work.meta["rays"]
    cosmology = caustics.FlatLambdaCDM(name="cosmology")
    mass = {
        "EPL": lambda name: caustics.EPL(cosmology, chunk_size=1, name=name),
        "SHEAR": lambda name: caustics.ExternalShear(cosmology, x0=0.0, y0=0.0, name=name),
        "SIS": lambda name: caustics.SIS(cosmology, s=1e-6, name=name),
    }
    lenses = [mass[profile](f"lens{k}") for k, profile in enumerate(meta["lens"])]
    sim = caustics.LensSource(
        caustics.SinglePlane(cosmology, lenses, z_l=0.5, z_s=1.5),
        Stamp() if "INTERPOL" in work.source else caustics.Sersic(use_lenstronomy_k=True),
        pixelscale=meta["pixel_scale"],
        pixels_x=meta["num_pix"],
        quad_level=side,
        psf=backend.as_array(psf_kernel(work).astype(np.float32)),
    )
    offsets = ((np.arange(side) + 0.5) / side - 0.5) * meta["pixel_scale"]
    size = sim._n_pix[0]  # the image and half a PSF around it
    centres = (np.arange(size) - 0.5 * (size - 1)) * meta["pixel_scale"]
    x, y = centres[None, :, None] + np.tile(offsets, side), centres[:, None, None] + np.repeat(offsets, side)
    sim._grid = tuple(backend.as_array(np.array(g, dtype=np.float32)) for g in np.broadcast_arrays(x, y))
    return sim


def faster(vmapped, sim, example):
    """The faster of two ways to run a batch with JAX."""
    import jax

    ways = [jax.jit(vmapped), jax.jit(lambda p: jax.lax.map(lambda q: sim(q), p))]
    seconds = []
    for way in ways:
        way(example)[0].block_until_ready()
        begun = time.perf_counter()
        for _ in range(10):
            way(example)[0].block_until_ready()
        seconds.append(time.perf_counter() - begun)
    print("vmap, lax.map:", [round(10 * BATCH["jax"] / s) for s in seconds], "images a second", flush=True)
    return ways[int(np.argmin(seconds))]


def lens_columns(work):
    """The parameters of all deflectors in the order of caustics."""
    out, seen = [], {}
    for profile in work.meta["lens"]:
        k = seen[profile] = seen.get(profile, -1) + 1
        v = {name: column[:, k] for name, column in work.lens[profile].items()}
        if profile == "EPL":
            out += [v["center_x"], v["center_y"], *q_phi(v), v["theta_E"], v["gamma"] - 1.0]
        else:
            out += [v["gamma1"], v["gamma2"]] if profile == "SHEAR" else [v["center_x"], v["center_y"], v["theta_E"]]
    return out


def sersic_columns(work):
    """A Sersic source in the order of caustics, its radius along the major axis, its amplitude in counts/s/pixel."""
    v = {name: column[:, 0] for name, column in work.source["SERSIC_ELLIPSE"].items()}
    q, phi = q_phi(v)
    radius = v["R_sersic"] / np.sqrt(q)
    return [v["center_x"], v["center_y"], q, phi, v["n_sersic"], radius, v["amp"] * work.pixel_area]


def stamp_columns(work):
    """An image as the source, without the image itself, which comes after center_y."""
    v = {name: column[:, 0] for name, column in work.source["INTERPOL"].items()}
    return [v["center_x"], v["center_y"], v["scale"], v["amp"] * work.pixel_area, v["phi_G"]]


def q_phi(values):
    """Axis ratio and position angle [rad] from the parameters e1 and e2."""
    f = np.hypot(values["e1"], values["e2"])
    return (1.0 - f) / (1.0 + f), 0.5 * np.arctan2(values["e2"], values["e1"])


if __name__ == "__main__":
    serve(prepare)
