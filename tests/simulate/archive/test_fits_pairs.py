"""Pairs as LenSiam's published loader reads them."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import ConfigError
from lenstream.files.unreadable import Unreadable
from lenstream.simulate.archive import fits_pairs

KEYS = ("theta_E", "e1", "e2", "center_x", "center_y", "gamma", "gamma1", "gamma2")


def test_a_file_is_a_cube_of_two_views_and_its_eight_keys(written, lossy):
    folder, _, (own, _) = written(lossy, "fits-pairs", views=2)
    for i, path in enumerate(sorted((folder / "pairs").glob("*.fits"))[:4]):
        with fits.open(path, memmap=False) as hdus:
            data, header = hdus[0].data, hdus[0].header
            lost = hdus["MASK"].data
        assert data.shape == (20, 20, 2) and data.dtype.kind == "f"
        for view in range(2):
            np.testing.assert_array_equal(data[:, :, view], own.images["images"][i, view, 0])
            np.testing.assert_array_equal(lost[:, :, view], own.masks["mask"][i, view, 0])
            assert header[f"view{view} source_R_sersic"] == own.labels["source_R_sersic"][i, view]
        assert {key: header[key] for key in KEYS} == {key: own.labels[key][i] for key in KEYS}
        assert (header["INDEX"], header["SEED"], header["PIXSCALE"], header["BUNIT"]) == (i, 1, 0.1, "electron/s")
    views = own.labels["source_R_sersic"]
    assert (views[:, 0] != views[:, 1]).all()


def test_what_makes_no_pairs_of_one_band_is_refused(described_as, lossy, several_grids):
    fits_pairs.check(described_as(lossy, "fits-pairs", views=2), lossy)
    with pytest.raises(ConfigError, match="got 3: expected --views 2"):
        fits_pairs.check(described_as(lossy, "fits-pairs", views=3), lossy)
    with pytest.raises(ConfigError, match="one band, and the config has H, VIS, Y"):
        fits_pairs.check(described_as(several_grids, "fits-pairs", views=2), several_grids)


def test_a_file_of_another_system_is_refused(written, lossy):
    folder, description, _ = written(lossy, "fits-pairs", count=4, views=2)
    (folder / "pairs" / "000001.fits").write_bytes((folder / "pairs" / "000002.fits").read_bytes())
    for read in (fits_pairs.read, fits_pairs.read_labels):
        with pytest.raises(Unreadable, match=r"000001\.fits.*another system"):
            read(folder, description, lossy, description.shards[0])
