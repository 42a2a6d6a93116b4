"""Made-up galaxies: what every stamp promises, purity, and that they look like galaxies that HST sees."""

import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lenstream.configs.components import INTERPOL
from lenstream.errors import DataError
from lenstream.simulate.galaxies.catalogues import read_cosmos
from lenstream.simulate.galaxies.cleaning import centred, clean
from lenstream.simulate.galaxies.procedural import DEFAULT_MORPHOLOGIES, MORPHOLOGIES, procedural
from lenstream.simulate.galaxies.stamps import half_light_radii

DATA = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).parents[3] / "../shared/data")) / "cosmos_23.5"
CATALOGUE = DATA / "real_galaxy_catalog_23.5.fits"


@pytest.fixture(scope="module")
def stamps():
    return procedural(0, 256)


def centroids(images):
    place = np.arange(images.shape[-1]) - 0.5 * (images.shape[-1] - 1)
    images = images.astype(float)
    return np.stack([images.sum(2) @ place, images.sum(1) @ place], axis=1)


def test_every_stamp_keeps_the_promises(stamps):
    assert stamps.images.shape == (256, 1, 64, 64) and stamps.images.dtype == np.float32
    images = stamps.images[:, 0]
    assert np.isfinite(images).all() and images.min() >= 0.0
    assert np.abs(images.sum((1, 2), dtype=float) - 1.0).max() < 1e-5
    ring = np.ones((64, 64), bool)
    ring[1:-1, 1:-1] = False
    assert not images[:, ring].any()
    assert stamps.R_half.shape == stamps.pixel_scale.shape == stamps.redshift.shape == (256,)
    assert np.isnan(stamps.pixel_scale).all() and np.isnan(stamps.redshift).all()
    assert stamps.magnitude.shape == (256, 1) and np.isnan(stamps.magnitude).all()
    assert len(set(stamps.names)) == 256


def test_centroids_are_in_the_middle(stamps):
    away = np.abs(centroids(stamps.images[:, 0])).max(1)
    assert np.quantile(away, 0.98) < 1e-3 and away.max() < 0.6


def test_light_falls_smoothly_to_the_edge(stamps):
    peak = stamps.images.max((1, 2, 3))
    next_to_ring = stamps.images[:, 0, 1:-1, 1:-1][:, [0, -1]].max((1, 2))
    assert (next_to_ring < 0.01 * peak).all()


def test_a_galaxy_does_not_depend_on_how_many_are_made(stamps):
    one, few = procedural(0, 1), procedural(0, 37)
    for other in (one, few):
        n = len(other.images)
        assert np.array_equal(other.images, stamps.images[:n])
        assert np.array_equal(other.R_half, stamps.R_half[:n])
        assert other.names == stamps.names[:n]


def test_another_seed_makes_other_galaxies(stamps):
    other = procedural(1, 8)
    for k in range(8):
        assert np.abs(other.images[k] - stamps.images[k]).sum() > 0.05


@pytest.mark.parametrize("size", [16, 33, 65, 128])
def test_other_sizes(size):
    stamps = procedural(3, 12, size)
    assert stamps.images.shape == (12, 1, size, size)
    assert np.abs(stamps.images.sum((2, 3), dtype=float) - 1.0).max() < 1e-5
    assert not stamps.images[..., 0, :].any() and not stamps.images[..., -1].any()
    assert np.median(np.abs(centroids(stamps.images[:, 0]))) < 0.02
    assert 0.05 < np.median(stamps.R_half) / size < 0.2


def test_no_galaxies_and_too_small_a_size():
    assert procedural(0, 0).images.shape == (0, 1, 64, 64)
    with pytest.raises(DataError, match="16 or more"):
        procedural(0, 1, size=8)


def test_galaxies_fill_their_stamps(stamps):
    assert stamps.R_half.min() > 64 / 40 and stamps.R_half.max() < 64 / 4
    assert 64 / 12 < np.median(stamps.R_half) < 64 / 6


@pytest.mark.parametrize("morphology", MORPHOLOGIES)
def test_every_morphology_keeps_the_promises(morphology):
    stamps = procedural(2, 64, morphologies=(morphology,))
    images = stamps.images[:, 0]
    assert np.isfinite(images).all() and images.min() >= 0.0
    assert np.abs(images.sum((1, 2), dtype=float) - 1.0).max() < 1e-5
    away = np.abs(centroids(images)).max(1)
    assert np.quantile(away, 0.95) < 1e-3 and away.max() < 0.6
    assert 64 / 15 < np.median(stamps.R_half) < 64 / 6 and stamps.R_half.max() < 64 / 4


def test_morphologies_are_drawn_by_their_shares_and_rings_only_when_asked_for(stamps):
    assert tuple(k for k in MORPHOLOGIES if k not in ("ring", "merger")) == DEFAULT_MORPHOLOGIES
    assert np.array_equal(procedural(0, 8, morphologies=DEFAULT_MORPHOLOGIES).images, stamps.images[:8])
    # Of two morphologies, each galaxy is one of those that either alone would make.
    both, one, other = (
        procedural(0, 40, morphologies=k).images for k in (("elliptical", "ring"), ("elliptical",), ("ring",))
    )
    first = np.array([np.array_equal(a, b) for a, b in zip(both, one, strict=True)])
    second = np.array([np.array_equal(a, b) for a, b in zip(both, other, strict=True)])
    assert (first ^ second).all() and 0.4 < first.mean() < 0.9  # .18 to .1


def test_the_morphologies_are_those_of_the_schema():
    assert INTERPOL(profile="INTERPOL", kinds=list(MORPHOLOGIES)).kinds == list(MORPHOLOGIES)
    with pytest.raises(ValueError, match="'elliptical', 'disc'"):
        INTERPOL(profile="INTERPOL", kinds=["cube"])


def test_unknown_morphologies():
    with pytest.raises(DataError, match=r'no morphology "spirals".*Did you mean "spiral"'):
        procedural(0, 1, morphologies=("disc", "spirals"))
    with pytest.raises(DataError, match="expected one or more of elliptical, disc"):
        procedural(0, 1, morphologies=())


def test_rings_are_hollow_and_spirals_are_not():
    def hollow(morphology):
        """Share of galaxies with a dip between nucleus and rim, along the long axis."""
        stamps, found = procedural(4, 60, 128, morphologies=(morphology,)), 0
        place = np.arange(128) - 63.5
        r = np.hypot(place[:, None], place[None, :])
        for image in stamps.images[:, 0].astype(float):
            xx, yy, xy = image.sum(0) @ place**2, image.sum(1) @ place**2, place @ image @ place
            angle = 0.5 * np.arctan2(2 * xy, xx - yy)
            along = np.abs(np.cos(angle) * place[None, :] + np.sin(angle) * place[:, None]) > 0.85 * r
            line = np.array([image[along & (r >= k) & (r < k + 2)].mean() for k in range(0, 40, 2)])
            dips = line[1:-1] < 0.97 * np.maximum.accumulate(line[::-1])[::-1][2:]
            found += dips.any()
        return found / 60

    assert hollow("ring") > 0.7 and hollow("disc") == 0.0 and hollow("spiral") < 0.45


def test_mergers_have_two_nuclei_and_tails():
    merger, disc = (procedural(4, 100, morphologies=(morphology,)) for morphology in ("merger", "disc"))

    def nuclei(image):
        image = ndimage.gaussian_filter(image.astype(float), 1.0)
        peaks = (image == ndimage.maximum_filter(image, 7)) & (image > 0.2 * image.max())
        return peaks.sum()

    assert np.mean([nuclei(image) >= 2 for image in merger.images[:, 0]]) > 0.6
    assert np.mean([nuclei(image) >= 2 for image in disc.images[:, 0]]) < 0.02
    beyond = [
        np.median([asymmetry(i[0].astype(float), R, 1.8) for i, R in zip(s.images, s.R_half, strict=True)])
        for s in (merger, disc)
    ]
    assert beyond[0] > 0.3 > 3.0 * beyond[1]


def asymmetry(image, R, beyond=0.0):
    """Half of the light that a turn by 180 degrees does not bring back (Conselice 2003), outside a radius."""
    place = np.arange(image.shape[-1]) - 0.5 * (image.shape[-1] - 1)
    outside = np.hypot(place[:, None], place[None, :]) >= beyond * R
    return 0.5 * np.abs(image - image[::-1, ::-1])[outside].sum() / image[outside].sum()


def concentration(image):
    """5 log10(r80 / r20) in circles about the middle (Conselice 2003)."""
    place = np.arange(image.shape[-1]) - 0.5 * (image.shape[-1] - 1)
    r = np.hypot(place[:, None], place[None, :]).ravel()
    order = np.argsort(r)
    light = np.cumsum(image.ravel()[order])
    r20, r80 = np.interp([0.2, 0.8], light / light[-1], r[order])
    return 5.0 * np.log10(r80 / r20)


def gini(image, R):
    """Gini coefficient of the pixels as bright as those at 2.3 half-light radii, or brighter (after Lotz+ 2004)."""
    place = np.arange(image.shape[-1]) - 0.5 * (image.shape[-1] - 1)
    r = np.hypot(place[:, None], place[None, :])
    values = np.sort(image[image > image[np.abs(r - 2.3 * R) < 0.7].mean()])
    n = len(values)
    return ((2 * np.arange(1, n + 1) - n - 1) * values).sum() / (values.mean() * n * (n - 1))


def statistics(images, radii):
    return np.array(
        [(concentration(i), asymmetry(i, R), gini(i, R)) for i, R in zip(images.astype(float), radii, strict=True)]
    ).T


def blurred(stamps):
    """Images blurred as ACS would see galaxies of the size of COSMOS stamps: 128 pixels then hold 3.8 arcsec."""
    return ndimage.gaussian_filter(stamps.images[:, 0], (0.0, 1.5, 1.5))


def test_morphologies_are_those_of_galaxies():
    """From irregulars to ellipticals: concentrations of 2 to 4.3, asymmetries of 0 to .4, Gini coefficients near .5."""
    stamps = procedural(7, 250, 128)
    C, A, G = statistics(blurred(stamps), stamps.R_half)
    cases = (C, (2.7, 3.2), (2.1, 4.3)), (A, (0.06, 0.15), (0.0, 0.4)), (G, (0.48, 0.55), (0.43, 0.62))
    for values, median, spread in cases:
        assert median[0] < np.median(values) < median[1]
        low, high = np.quantile(values, [0.02, 0.98])
        assert spread[0] <= low < high <= spread[1]
    assert np.quantile(C, 0.95) - np.quantile(C, 0.05) > 1.2
    assert (A < 0.02).mean() > 0.15 and (A > 0.2).mean() > 0.1
    ellipticals, irregulars = (procedural(7, 60, 128, morphologies=(k,)) for k in ("elliptical", "irregular"))
    (C_e, A_e, _), (C_i, A_i, _) = (statistics(blurred(s), s.R_half) for s in (ellipticals, irregulars))
    assert np.median(C_e) > np.median(C_i) + 0.8 and np.median(A_i) > np.median(A_e) + 0.12


@pytest.mark.skipif(not CATALOGUE.is_file(), reason=f"the real galaxies are not at {CATALOGUE.parent}")
def test_made_up_galaxies_seen_with_the_noise_of_cosmos_pass_for_its_galaxies():
    """All but ellipticals (the ten real ones are late types): blurred, in COSMOS noise, cleaned like the real ones."""
    real = read_cosmos(CATALOGUE)
    stamps = procedural(7, 60, 128, morphologies=DEFAULT_MORPHOLOGIES[1:])
    rng = np.random.default_rng(0)
    seen = []
    for image in np.pad(blurred(stamps), [(0, 0), (26, 26), (26, 26)]):
        noise = ndimage.gaussian_filter(rng.normal(size=image.shape), 0.55)
        light = clean(10 ** (0.4 * (25.94 - rng.uniform(21.0, 22.7))) * image + 0.0026 * noise / noise.std(), 0.0)
        if light is not None:
            seen.append(centred(light[None], 180)[0][0])
    assert len(seen) > 55
    ours = statistics(np.array(seen), half_light_radii(np.array(seen)))
    theirs = statistics(real.images[:, 0], real.R_half)
    for mine, its, apart in zip(ours, theirs, (0.4, 0.05, 0.03), strict=True):
        assert ((its < mine.min()) | (its > mine.max())).sum() <= 1
        assert abs(np.median(mine) - np.median(its)) < apart


def test_elongations_are_diverse(stamps):
    images = stamps.images[:, 0].astype(float)
    place = np.arange(64) - 31.5
    xx, yy = images.sum(1) @ place**2, images.sum(2) @ place**2
    xy = np.einsum("nij,i,j->n", images, place, place)
    elongation = np.hypot(xx - yy, 2 * xy) / (xx + yy)
    assert np.quantile(elongation, 0.1) < 0.15 and np.quantile(elongation, 0.9) > 0.5


def test_spirals_wind_both_ways():
    """The phase of the m = 2 wave, followed outwards, turns one way in half of the spirals and the other in others."""
    stamps = procedural(9, 80, 128, morphologies=("spiral",))
    place = np.arange(128) - 63.5
    r, theta = np.hypot(place[:, None], place[None, :]), np.arctan2(place[:, None], place[None, :])
    turns = []
    for image, R in zip(stamps.images[:, 0].astype(float), stamps.R_half, strict=True):
        edges = R * np.array([0.7, 0.9, 1.1, 1.3, 1.5])
        wave = image * np.exp(2j * theta)
        waves = [wave[(r >= a) & (r < b)].sum() for a, b in pairwise(edges)]
        turns.append(sum(np.angle(b / a) for a, b in pairwise(waves)))
    assert 0.3 < (np.array(turns) > 0.0).mean() < 0.7


def test_a_catalogue_for_a_demo_is_made_quickly():
    procedural(0, 1)
    began = time.thread_time()
    procedural(5, 128)
    assert time.thread_time() - began < 0.6  # 0.12 s on an idle core
