"""What a run says of real lenses with published values: its network alone, fits from the population, and from both.

    lenstream run slacs_posterior
    python benchmarks/real_lenses.py --run runs/slacs_posterior --images LENSES --catalogue CATALOGUE.csv

Every row is `lenstream predict` with other options. Published values are taken as exact to --published (2 %).
With --shifted, simulated lenses that differ from those of the run in one thing each are fitted instead, from the
population; --galaxies is a folder with a GalSim catalogue of real galaxies for one of them.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from lenstream.configs.load import load
from lenstream.evaluate.real.fit_doubts import doubts_of_fit
from lenstream.evaluate.real.fit_kernels import kernel_of
from lenstream.evaluate.real.lens_fits import fit_lens, population_proposals, prepare
from lenstream.evaluate.real.refining_files import with_errors
from lenstream.evaluate.real.simulated_lenses import simulated_images
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

WAYS = {
    "network alone": (),
    "fit from the population": ("--refine", "--start", "population"),
    "fit from both": ("--refine",),
    "network alone, light fitted": ("--lens-light", "fit_all"),
    "fit from the population, light fitted": ("--lens-light", "fit_all", "--refine", "--start", "population"),
    "fit from both, light fitted": ("--lens-light", "fit_all", "--refine"),
}
WIDER = 1.2  # times the PSF's width


def predicted(run, images, catalogue, options):
    """The table of `lenstream predict` with some options, and its seconds a lens where it refined."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "lenstream.run_pipeline", "predict", "--run", run, "--images", images]
        command += ["--catalogue", catalogue, "--out", out, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        name = "refined.csv" if "--refine" in options else "predictions.csv"
        return pd.read_csv(Path(out) / name, dtype={"flags": str}).fillna({"flags": ""})


def row_of(table, exact):
    """The scores of a table of lenses with published theta_E. exact: relative error of these."""
    known = table[np.isfinite(table["theta_E_published"])]
    published, off = known["theta_E_published"], known["theta_E_difference"] / known["theta_E_published"]
    far, sure = off.abs().fillna(np.inf), known["flags"] == ""
    out = {"lenses": len(known), "within 5 %": (far < 0.05).sum(), "within 10 %": (far < 0.1).sum()}
    out |= {"beyond 20 %": (far > 0.2).sum(), "of them unflagged": ((far > 0.2) & sure).sum(), "flagged": (~sure).sum()}
    out |= {"median bias": f"{100 * off.median():+.1f} %"}
    out |= {"NMAD": f"{148.26 * np.nanmedian(np.abs(off - off.median())):.1f} %"}
    total = np.hypot(known["theta_E_std"], exact * published)
    out["in 68 %"] = f"{np.mean(known['theta_E_difference'].abs() < total):.2f}"
    for name in ("e1", "e2", "e1_shearless", "e2_shearless"):
        if f"{name}_published" in known:
            out[f"r {name}"] = f"{known[[name, f'{name}_published']].corr().iloc[0, 1]:.2f}"
    out["s a lens"] = f"{known['seconds'].mean():.1f}" if "seconds" in known else "-"
    return out


def shifted(run, galaxies, n):
    """Scores of fits of n simulated lenses each, as trained and with one thing that differs."""
    config = load(str(Path(run) / "config.yaml"))
    scene = make_scene(config)
    fits = with_errors(prepare(scene), scene, run)
    other = [] if galaxies is None else [f"simulate.source.0.catalogue={galaxies}"]
    scenes = {"as trained": (scene, 1.0), "PSF 20 % wider than known": (scene, WIDER)}
    scenes |= {"real galaxies": (make_scene(load(str(Path(run) / "config.yaml"), other)), 1.0)} if other else {}
    noisier = make_scene(load(str(Path(run) / "config.yaml"), ["simulate.observation.noise_scale=1.5"]))
    scenes["twice the noise"] = noisier, 1.0
    return {name: _scores(fits, of, wider, n) for name, (of, wider) in scenes.items()}


def _scores(fits, scene, wider, n):
    indices = np.arange(n, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"])
    systems, images = simulated_images(scene, indices)
    true = {name: systems.lens_mass[k][name] for k, name in fits.free.places}
    if wider != 1.0:  # the image is wider than the kernel that the fit is given
        optics = [{name: values[i, 0, 0] for name, values in systems.optics.items()} for i in range(n)]
        own = [optic | {"fwhm": optic["fwhm"] / wider} for optic in optics]
        kernels = [
            kernel_of(scene.instrument, optic, image.pixel_scale) for optic, image in zip(own, images, strict=True)
        ]
        images = [image._replace(kernel=k, fine=fine) for image, (k, fine) in zip(images, kernels, strict=True)]
    rows, lock = [None] * n, threading.Lock()

    def work(i):
        fit = fit_lens(fits, images[i], lambda free: population_proposals(fits, free, 48, 5))
        with lock:
            rows[i] = fit.of_lens(fits.error_scales), doubts_of_fit(fit, images[i], fits.error_scales)

    with threadpool_limits(1), ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(n)))
    values = np.array([row[0]["theta_E"][0] for row in rows])
    off = np.abs(values / true["theta_E"] - 1.0)
    sure = np.array([not row[1] for row in rows])
    out = {"lenses": n, "within 5 %": np.mean(off < 0.05), "beyond 20 %": np.mean(~(off < 0.2))}
    out |= {"of unflagged": np.mean(~(off[sure] < 0.2)), "flagged": np.mean(~sure)}
    for name in ("theta_E", "e1", "e2", "gamma"):
        pulls = np.array([(row[0][name][0] - t) / row[0][name][1] for row, t in zip(rows, true[name], strict=True)])
        out[f"{name} in 68 %"] = np.mean(np.abs(pulls) < 1.0)
    return {name: value if name == "lenses" else f"{value:.2f}" for name, value in out.items()}


def markdown(rows, first):
    """Rows, name -> {column: value}, as a table in Markdown."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [f"| {' | '.join([first, *columns])} |", f"|{'---|' * (len(columns) + 1)}"]
    lines += [
        f"| {' | '.join([name, *(str(row.get(column, '')) for column in columns)])} |" for name, row in rows.items()
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--images")
    parser.add_argument("--catalogue")
    parser.add_argument("--published", type=float, default=0.02, help="relative error of published theta_E")
    parser.add_argument("--shifted", type=int, metavar="N", help="fit N simulated lenses of each kind instead")
    parser.add_argument("--galaxies", help="folder with a GalSim catalogue of real galaxies")
    asked = parser.parse_args()
    if asked.shifted:
        print(markdown(shifted(asked.run, asked.galaxies, asked.shifted), "lenses that are"))
        return
    if not (asked.images and asked.catalogue):
        parser.error("expected --images and --catalogue, or --shifted")
    rows = {}
    for name, options in WAYS.items():
        rows[name] = row_of(predicted(asked.run, asked.images, asked.catalogue, options), asked.published)
        print(name, rows[name], file=sys.stderr, flush=True)
    print(markdown(rows, "theta_E of"))


if __name__ == "__main__":
    main()
