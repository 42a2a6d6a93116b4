"""The kernels through NVIDIA's own compiler, which needs no GPU: nothing is missing, and float32 stays float32."""

import importlib.util
import types as python_types

import pytest

if importlib.util.find_spec("numba_cuda") is None:
    pytest.skip("numba-cuda is not installed", allow_module_level=True)

import torch
from numba import boolean, cuda, float32, float64, int32, int64, types

from lenstream.simulate.cpu import deflection, light
from lenstream.simulate.gpu import cuda_adaptive as adaptive
from lenstream.simulate.gpu import cuda_moment_blur as moment_blur
from lenstream.simulate.gpu import cuda_moments, double, fixed, kernels  # noqa: F401
from lenstream.simulate.gpu import cuda_noise as noise
from lenstream.simulate.gpu import cuda_psf as psf
from lenstream.simulate.gpu import cuda_tables as tables
from lenstream.simulate.kernel_arguments import Maps
from lenstream.simulate.profiles.registry import MASS_NUMBERS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(kernels.SIMULATED, reason="the simulator compiles nothing"),
]
HOPPER = (9, 0)  # compute capability
MOST_PARAMETERS = 4096  # bytes of a kernel's arguments, on every GPU
W1 = tables.Profiles(frozenset({MASS_NUMBERS["EPL"], MASS_NUMBERS["SHEAR"]}), frozenset(), frozenset({light.SERSIC}))
ALL = tables.Profiles(
    frozenset(MASS_NUMBERS.values()),
    frozenset(MASS_NUMBERS[name] for name in ("SIS", "NFW", "TNFW", "POINT_MASS")),
    frozenset({light.SERSIC, light.INTERPOL}),
)


def array(real, n):
    return types.Array(real, n, "C")


def tuple_type(name, *members):
    """The type of a named tuple."""
    if len(set(members)) == 1:
        return types.NamedUniTuple(members[0], len(members), name)
    return types.NamedTuple(list(members), name)


def group(*members):
    return types.UniTuple(members[0], len(members)) if len(set(members)) == 1 else types.Tuple(list(members))


def lens(real, n):
    return tuple_type(deflection.Lens, array(int64, n), array(real, n), array(real, n))


def constants(real):
    maps = tuple_type(Maps, array(float64, 2), array(real, 2), array(int32, 1))
    lights = tuple_type(light.Light, array(int64, 2), array(real, 3), array(int64, 2))
    deflectors = tuple_type(tables.BatchDeflectors, lens(real, 3), array(int64, 1), lens(real, 2), maps)
    return tuple_type(tables.Constants, deflectors, lights, lights, array(real, 3))


def grid(real):
    return tuple_type(fixed.Grid, int64, int64, float64, array(real, 1), array(float64, 1))


def signatures():
    r = float32
    detector = tuple_type(noise.Detector, array(int64, 2), array(int64, 1), array(r, 1), array(r, 2), array(r, 2))
    pair = group(array(r, 3), array(r, 2))
    blur = tuple_type(psf.PointSpread, array(r, 2), array(int64, 1), array(int64, 1), array(r, 4))
    given = group(array(int64, 2), array(float64, 3), array(float64, 2))
    others = tuple_type(cuda_moments.Others, array(r, 3), array(r, 4))
    kept = others, array(int64, 1), array(r, 2)
    images = tuple_type(adaptive.LayerImages, array(r, 2), array(r, 2), array(r, 3), array(r, 2), *kept)
    flagged = tuple_type(adaptive.Flagged, array(int32, 1), array(int64, 1), array(r, 2))
    lights = tuple_type(light.Light, array(int64, 2), array(r, 3), array(int64, 2))
    yield "lenses", tables._prepare_lenses, (given, float64, lens(r, 3))
    yield "lights", tables._prepare_lights, (group(array(int64, 2), array(float64, 3)), int64, lights)
    yield "random numbers", noise._draw, (int64, int64, detector, pair)
    yield "noise", noise._add, (int64, detector, pair)
    yield "rows", psf._blur_rows, (int64, blur, group(array(r, 2), array(r, 2), array(r, 3)))
    yield "pixels", psf._finish, (int64, int64, float64, blur, group(array(r, 2), array(r, 2), array(r, 3)))
    target = tuple_type(adaptive.Target, constants(r)[0], lights, array(r, 3), grid(r), int64, float64)
    yield "peaks", adaptive._find_peaks, (int64, images)
    for lensed in (True, False):
        for degree in (0, 3):
            name = f"flags, lensed {lensed}, degree {degree}"
            yield name, adaptive._make_flag(lensed, degree), (target, images, flagged)
    for name, profiles in (("W1", W1), ("all profiles", ALL)):
        run = fixed._make(profiles, True)
        yield f"fixed rays, {name}", run, (grid(r), constants(r), constants(float64), int64, group(*[array(r, 3)] * 3))
        for degree in (0, 3, 7) if profiles is W1 else (3,):
            begin, finish = adaptive._make_integration(profiles, True, degree, torch.float32)
            yield f"first cells, {name}, degree {degree}", begin, (target, images, flagged)
            yield f"cells, {name}, degree {degree}", finish, (target, images, flagged)
    spread = tuple_type(moment_blur.MomentSpread, int64, array(int64, 1), array(r, 4), array(r, 2), array(boolean, 1))
    blurred = group(array(r, 2), others, array(r, 3), array(r, 3), array(r, 3))
    yield "moments along rows", moment_blur._blur_along_rows, (int64, int64, spread, blurred)
    yield "moments along columns", moment_blur._blur_along_columns, (int64, group(int64, float64), spread, blurred)


@pytest.fixture
def hopper(monkeypatch):
    """numba asks a device what to compile for."""
    from numba.cuda import dispatcher

    device = python_types.SimpleNamespace(compute_capability=HOPPER)
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)


@pytest.mark.parametrize(("name", "kernel", "signature"), [pytest.param(*s, id=s[0]) for s in signatures()])
def test_a_kernel_compiles(hopper, name, kernel, signature):
    ptx, _ = cuda.compile_ptx(kernel.python, signature, cc=HOPPER, fastmath=True)
    entry = ptx[ptx.rfind(".entry") :]
    parameters = entry[: entry.index("{")].count(".param")
    assert 8 * parameters <= MOST_PARAMETERS
    assert any(word in entry for word in ("st.global", "atom.global", "red.global")), "it writes nothing"
    if name in ("noise", "random numbers", "rows", "moments along columns") or name.startswith("flags, lensed True"):
        assert entry.count(".f64") <= 8  # a tolerance comes as float64, pixels never
    if name.startswith("fixed rays"):
        assert entry.count("fma.rn.ftz.f32") > 50  # the series and the exponentials are fused multiply-adds
