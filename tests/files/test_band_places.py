"""Bands of images in files, chosen and ordered by name."""

import pytest

from lenstream.errors import DataError
from lenstream.files.band_places import chosen, of_network

DES = ("DES-G", "DES-R", "DES-I")


def test_bands_are_chosen_by_their_very_name_or_their_filter():
    assert chosen(DES, ["DES-I", "DES-G"], "pretrain.bands", "a") == [2, 0]
    assert chosen(DES, ["r", "g"], "pretrain.bands", "a") == [1, 0]
    assert chosen(("g", "G2", "r"), ["r", "g"], "pretrain.bands", "a") == [2, 0]


def test_an_unknown_band_gets_the_nearest():
    with pytest.raises(DataError) as caught:
        chosen(DES, ["DES-G", "DES-S"], "pretrain.bands", "my_set")
    said = 'pretrain.bands: no band "DES-S" in my_set, which has DES-G, DES-R, DES-I. Did you mean "DES-'
    assert str(caught.value).startswith(said)
    with pytest.raises(DataError, match='no band "g" in a, which has HSC_G, DES_G'):  # which of them?
        chosen(("HSC_G", "DES_G"), ["g"], "pretrain.bands", "a")


def test_bands_without_names_are_taken_as_they_come():
    assert chosen(("", ""), ["g", "r"], "pretrain.bands", "a") == [0, 1]
    with pytest.raises(DataError, match="the bands of a have no names, and there are 3, so 1 cannot be chosen"):
        chosen(("", "", ""), ["g"], "pretrain.bands", "a")


def test_bands_of_a_network():
    assert of_network(DES, ("LSST_i", "LSST_g")) == ([2, 0], "bands DES-I, DES-G by name")
    assert of_network(("",), ("",)) == ([0], "")
    assert of_network(("g",), ("F814W",)) == ([0], "band g in the place of F814W")
    assert of_network(("", ""), ("g", "r")) == ([0, 1], "bands in their order as g, r")
    with pytest.raises(DataError, match=r"it holds 3 bands \(DES-G, DES-R, DES-I\), and the network was trained on 1"):
        of_network(DES, ("F814W",))
    with pytest.raises(DataError, match=r"it holds 2 bands \(g, r\), and the network was trained on 2 \(i, z\)"):
        of_network(("g", "r"), ("i", "z"))
