"""benchmarks/simulate.py: its arithmetic, the files for other simulators, and the talk with their processes."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from lenstream.simulate.bridge import to_lenstronomy

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path += [str(BENCHMARKS), str(BENCHMARKS / "peers")]
import accuracy  # noqa: E402
import contest  # noqa: E402
import peak  # noqa: E402
import report  # noqa: E402
import worker  # noqa: E402
import workloads  # noqa: E402
from peers import drive  # noqa: E402

# A simulator whose images hold the number of their system.
FAKE = f"""
import sys
sys.path.append({str(BENCHMARKS / "peers")!r})
import numpy as np
from worker import UnsupportedError, serve

def prepare(work):
    print("a library that talks")
    if work.meta["noise"]:
        raise UnsupportedError("no noise")
    size = work.meta["num_pix"]
    return lambda rows: np.multiply.outer(rows, np.ones((size, size))), 5

serve(prepare)
"""


@pytest.fixture(scope="module")
def scene():
    return workloads.scene("w1")


def test_ratios_are_taken_round_by_round():
    result = contest.Result({contest.LENSTREAM: [10, 20, 90], "a": [5, 5, 30], "b": [1, 2, 3]}, {}, {})
    assert result.ratio("a") == 3 and result.median("a") == 5
    assert result.fastest(["a", "b"]) == "a" and result.fastest(["c"]) is None


def test_a_difference_is_of_each_images_own_peak_and_nan_is_infinite():
    reference = np.ones((2, 8, 8))
    reference[1] *= 10
    images = reference.copy()
    images[1, 0, 4] += 1
    images[0, 4, 4] += 0.05
    assert contest.difference(images, reference, 2) == pytest.approx((0.1, 0.05))
    images[0, 3, 3] = np.nan
    assert contest.difference(images, reference, 2) == (math.inf, math.inf)


def test_operations_of_an_image_by_hand():
    by_ray = sum(peak.PER_RAY.values())
    assert 130 < by_ray < 160
    assert peak.operations(1, 1, 0, 0) == by_ray + 1 + 2
    assert peak.operations(10, 2, 4, 3) == 100 * (4 * (by_ray + 12) + 1 + 2 * 10)


def test_the_measured_peak_is_that_of_vector_instructions():
    assert 2e9 < peak.measured_peak(2) < 1e12


def test_the_psf_reaches_as_far_as_its_truncation(scene):
    assert contest.psf_radius(scene) == round(5 * 0.16 / 2.3548 / 0.08)


def test_a_workload_file_gives_back_lenstronomys_terms(scene, tmp_path):
    workloads.write_systems(tmp_path / "w.npz", scene, 7)
    work = worker.read(tmp_path / "w.npz")
    expected = to_lenstronomy(scene, workloads.first_systems(scene, 7), 6)
    lens = worker.keywords(work.meta["lens"], worker.pick(worker.columns(work.lens, float), 6))
    source = worker.keywords(work.meta["source"], worker.pick(worker.columns(work.source, float), 6))
    assert work.n == 7 and work.meta["lens"] == ["EPL", "SHEAR"]
    assert lens == expected["kwargs_lens"] and source == expected["kwargs_source"]
    assert work.sigma == pytest.approx(0.16 / math.sqrt(8 * math.log(2)) / 0.08)


def test_equal_profiles_are_told_apart_by_their_column():
    values = {"EPL": {"theta_E": np.array([1.0, 2.0])}, "SIS": {"theta_E": np.array([[0.1, 0.2], [0.3, 0.4]])}}
    got = worker.keywords(["EPL", "SIS", "SIS"], worker.pick(values, 1))
    assert [term["theta_E"] for term in got] == [2.0, 0.3, 0.4]


def test_the_psf_kernel_is_the_separable_gaussian(scene, tmp_path):
    workloads.write_systems(tmp_path / "w.npz", scene, 1)
    work = worker.read(tmp_path / "w.npz")
    kernel, radius = worker.psf_kernel(work), contest.psf_radius(scene)
    assert kernel.shape == 2 * (2 * radius + 1,) and kernel.sum() == pytest.approx(1)
    row = kernel[radius]
    assert np.log(row[radius] / row[radius + 2]) == pytest.approx(0.5 * (2 / work.sigma) ** 2)


def test_a_worker_is_told_what_to_do_and_answers(scene, tmp_path):
    (tmp_path / "fake.py").write_text(FAKE)
    workloads.write_systems(tmp_path / "w1.npz", scene, 12)
    noisy = workloads.scene("w1", "simulate.observation.noise=true")
    workloads.write_systems(tmp_path / "w2.npz", noisy, 12)
    with drive.workers({"fake": [sys.executable, tmp_path / "fake.py"]}, tmp_path) as (fake,):
        assert drive.ask(fake, prepare=str(tmp_path / "w1.npz"))["seconds"] > 0
        assert drive.ask(fake, go=0.01)["rate"] > 0
        images = drive.images(fake, 7, tmp_path)
        assert images.shape == (7, 64, 64) and (images[:, 3, 3] == np.arange(7)).all()
        assert drive.ask(fake, prepare=str(tmp_path / "w2.npz")) == {"error": "no noise"}
        assert "FileNotFoundError" in drive.ask(fake, prepare=str(tmp_path / "absent.npz"))["error"]
        fake.process.kill()
        fake.process.wait()
        assert drive.ask(fake, go=0.01)["error"].startswith("the process ended")
    assert fake.process.poll() is not None


def test_verdicts_say_plainly_what_falls_short():
    rates = {contest.LENSTREAM: [100.0], "Herculens": [10.0], "lenstronomy EPL_NUMBA": [2.0]}
    lines = "\n".join(report.verdicts({"W1": contest.Result(rates, {}, {})}))
    assert "W1: 10.0 times Herculens, the fastest other; at least 6 wanted: pass" in lines
    assert "W1: 50.0 times lenstronomy EPL_NUMBA; at least 60 wanted: FALLS SHORT" in lines


def test_requirements_are_names_and_versions_only():
    assert all(len(line.split("==")) == 2 and "/" not in line for line in drive.wanted())


def test_whole_images_are_judged_by_median_worst_and_speed():
    ok, bad = np.full(4, 1e-4), np.array([1e-4, 1e-4, 1e-4, 1e-2])
    of_defaults = {accuracy.AUTO: (10.0, 0.3, ok), accuracy.PLAIN: (33.0, 1.0, bad)}
    said = accuracy.lines({"a": [ok, ok, bad], "b": [bad, ok, ok]}, of_defaults)
    (a,), (b,) = ([line for line in said if line.startswith(f"| {name} |")] for name in "ab")
    assert a.endswith("| pass |") and b.endswith("| FALLS SHORT |")
    assert said[-1].endswith("pass") and "0.30 of the speed" in said[-1]


def test_each_setup_has_a_scene_and_a_truth_with_finer_pixels():
    for name, (_, num_pix, scale, _) in accuracy.SETUPS.items():
        own, truth = accuracy.scene(name), accuracy.scene(name, accuracy.RAYS, accuracy.FINE)
        assert own.instrument.within_pixels and truth.instrument.supersampling == accuracy.FINE
        assert (own.config.image.num_pix, own.instrument.pixel_scale) == (num_pix, scale)
