"""What a column's name says: its unit, and which values are possible."""

import numpy as np
import pytest

from lenstream.files.column_names import impossible, kind, standard


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("theta_E", "", ("theta_E", 1.0)),
        ("theta_E [arcsec]", "", ("theta_E", 1.0)),
        ("theta_E (mas)", "", ("theta_E", 1e-3)),
        ('theta_E["]', "", ("theta_E", 1.0)),
        ("theta_E_arcsec", "", ("theta_E", 1.0)),
        ("theta_E_arcmin", "", ("theta_E", 60.0)),
        ("theta_E_published [mas]", "", ("theta_E_published", 1e-3)),
        ("theta_E_err_mas", "", ("theta_E_err", 1e-3)),
        ("source_R_sersic", "deg", ("source_R_sersic", 3600.0)),
        ("R_sersic", "rad", ("R_sersic", pytest.approx(206264.806))),
        ("PIXEL_SCALE", "deg", ("PIXEL_SCALE", 3600.0)),
        ("center_x", "mas", ("center_x", 1e-3)),
        ("z []", "", ("z", 1.0)),
        ("mag [AB]", "", ("mag", 1.0)),
        ("phi [rad]", "", ("phi_rad", 1.0)),
        ("PA", "deg", ("PA_deg", 1.0)),
        ("phi_rad", "", ("phi_rad", 1.0)),
        ("Reff (kpc)", "", ("Reff (kpc)", 1.0)),
        ("RA", "deg", ("RA", 1.0)),
        ("width [deg]", "", ("width [deg]", 1.0)),
        ("width", "deg", ("width", 1.0)),
        ("[a]", "", ("[a]", 1.0)),
    ],
)
def test_a_unit_is_taken_off_and_lengths_become_arcsec(name, unit, expected):
    assert standard(name, unit) == expected


@pytest.mark.parametrize(
    ("name", "possible", "not_possible"),
    [
        ("theta_E", [0.01, 1.6, 60], [-99, -1, 0, 99, 999, 1e30]),
        ("theta_E_published", [1.2], [-99]),
        ("theta_E_mean_kappa", [1.2], [-99, 999]),
        ("theta_E_critical_area", [1.2], [-99, 999]),
        ("source_R_sersic", [0.1], [0, -1, 1e30]),
        ("MAG", [-25, 18, 30], [-99, 99, 1e30]),
        ("I814_mag", [18.0], [-99.9, 99]),
        ("mag_auto", [18.0], [99]),
        ("z_lens", [0, 0.5, 14], [-1, -99, 99]),
        ("ZPHOT", [0.5], [-9, 99.9]),
        ("e1", [-0.9, 0.9], [-1, 1, 135]),
        ("gamma2", [-0.1], [-99, 5]),
        ("gamma", [1.5, 3], [-99, 99]),
        ("q", [0.1, 1], [-1, 1.5, 99]),
        ("PA", [-99, 180, 359], [-999, 999]),
        ("theta_E_err", [0, 0.1], [-99]),
        ("sigma_v", [250], [-1, 9999]),
        ("dec", [-89], [-99]),
        ("n_sersic", [0.5, 4], [0, -99]),
        ("whatever", [-99, 1e30], []),
    ],
)
def test_which_values_are_possible(name, possible, not_possible):
    values = np.array([*possible, *not_possible, np.nan], float)
    assert impossible(name, values).tolist() == [False] * len(possible) + [True] * len(not_possible) + [False]


def test_words_and_vectors_are_never_impossible():
    assert not impossible("theta_E", np.array(["-99"])).any()
    assert impossible("theta_E", np.array([[1.0, -99.0]])).tolist() == [[False, True]]
    assert kind("flag") == (None, False)
