"""Pictures of fits: four panels, critical curves about the lens, doubts in words."""

import numpy as np
import pytest
from matplotlib import image as pictures

from lenstream.evaluate.real import fit_figure
from lenstream.evaluate.real.fit_figure import curves_of, draw
from lenstream.evaluate.real.fit_images import fit_image
from lenstream.evaluate.real.lens_fits import fit_lens, population_proposals
from lenstream.files.cutout_layout import Planes

from .planted import SCALE, N, kernel


@pytest.fixture(scope="module")
def image(planted):
    """A lens three pixels beside the middle, with a corner that is masked."""
    planes = {name: np.roll(planted.planes(2)[name], 3, 1) for name in ("IMAGE", "NOISE", "LENSLIGHT")}
    good = np.ones(planes["IMAGE"].shape, bool)
    good[8:14, 8:14] = False
    read = Planes(planes["IMAGE"], planes["NOISE"], good, planes["LENSLIGHT"], ({},), "", ())
    return fit_image("J0728+3835 $a$", read, kernel(), SCALE, N * SCALE, SCALE)


@pytest.fixture(scope="module")
def fit(planted, image):
    return fit_lens(planted.fits, image, lambda free: population_proposals(planted.fits, free, 16, 5))


@pytest.fixture(scope="module")
def values(fit):
    return fit.of_lens()


def test_the_critical_curve_is_about_the_lens(fit, values):
    """About where the light is, whether or not the centre is a parameter; its area is that of theta_E."""
    assert "center_x" not in values
    curve = max(curves_of(fit, values), key=lambda curve: np.ptp(curve.x))
    x, y = curve.x[:-1], curve.y[:-1]
    assert (x.min() + x.max()) / 2 == pytest.approx(3 * SCALE, abs=0.05)
    assert (y.min() + y.max()) / 2 == pytest.approx(0.0, abs=0.05)
    area = 0.5 * abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1)))
    assert np.sqrt(area / np.pi) == pytest.approx(values["theta_E"][0], rel=0.05)


def test_without_an_einstein_radius_there_is_no_curve(fit, values):
    assert curves_of(fit, {}) == []
    nothing = fit.found._replace(parameters=np.full_like(fit.found.parameters, np.nan))
    assert curves_of(fit._replace(found=nothing), values) == []


def test_a_picture_has_four_panels(fit, image, values, tmp_path, monkeypatch):
    figures, plain = [], fit_figure.Figure
    monkeypatch.setattr(fit_figure, "Figure", lambda *a, **k: figures.append(plain(*a, **k)) or figures[-1])
    draw(fit, image, values, ["misfit", "no_psf"], tmp_path / "a.png")
    (figure,) = figures
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles[:2] == ["image - lens light", "model"]
    assert titles[2] == f"residuals / noise, chi2 {fit.found.chi2:.2f}"
    assert titles[3] == "source and caustics"
    assert figure.get_suptitle().startswith("J0728+3835 $a$   e1 ")
    assert "theta_E 1.0" in figure.get_suptitle()
    assert figure.get_supxlabel() == "doubtful: misfit, no_psf"
    left = figure.axes[2].images[0].get_array()
    good = fit.observed.good
    expected = ((fit.observed.image - fit.found.model) / fit.observed.background)[good]
    np.testing.assert_allclose(np.ma.filled(left, np.nan)[good], expected)
    assert np.isnan(np.ma.filled(left, np.nan)[~good]).all()
    assert all(len(ax.lines) >= 1 for ax in (*figure.axes[:2], figure.axes[3]))
    assert np.ptp(pictures.imread(tmp_path / "a.png")[..., :3]) > 0.9


def test_nothing_doubtful_is_nothing_said(fit, image, values, tmp_path, monkeypatch):
    figures, plain = [], fit_figure.Figure
    monkeypatch.setattr(fit_figure, "Figure", lambda *a, **k: figures.append(plain(*a, **k)) or figures[-1])
    draw(fit, image, values, [], tmp_path / "a.png")
    assert figures[0].get_supxlabel() == ""


def test_the_same_fit_is_the_same_picture(fit, image, values, tmp_path):
    for name in "ab":
        draw(fit, image, values, ["misfit"], tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
