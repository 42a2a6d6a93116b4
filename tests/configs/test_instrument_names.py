"""Names of instruments: all of lenstronomy's are known, and a wrong one is said among all other mistakes."""

import pytest

from lenstream.configs.instrument_names import bands_of, problem_of, telescopes
from lenstream.configs.load import check, load
from lenstream.errors import ConfigError


def test_lenstronomys_names_are_known():
    for telescope in telescopes():
        assert bands_of(telescope)
        assert [problem_of(f"{telescope}/{band}") for band in bands_of(telescope)] == [None] * len(bands_of(telescope))
    assert problem_of("HST/F160W") is None  # another name of WFC3_F160W


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HST", 'no instrument "HST"; expected NAME/BAND, one of HST/'),
        ("HST/", 'no instrument "HST/"; expected NAME/BAND, one of HST/'),
        ("hst/WFC3_F160W", 'no instrument "hst/WFC3_F160W"; expected NAME/BAND with NAME one of DES, '),
        ("Euclit/VIS", 'Did you mean "Euclid/VIS"?'),
        ("Euclid/vis", 'Euclid has no band "vis"; expected one of VIS, '),
        ("Euclid/vis", 'Did you mean "VIS"?'),
        ("", 'no instrument ""'),
        ("x" * 300, "no instrument"),
    ],
)
def test_a_wrong_name_is_one_sentence(name, said):
    assert said in problem_of(name)
    assert f'Did you mean "{name}"' not in problem_of(name)


def test_it_is_said_with_all_other_mistakes():
    with pytest.raises(ConfigError) as caught:
        load(
            "demo", ["simulate.observation.instrument=HST", "simulate.bands={g: {}, r: {instrument: LSST/x}}", "sed=1"]
        )
    assert len(caught.value.problems) == 3
    assert "simulate.bands.r.instrument: LSST has no band" in "".join(caught.value.problems)


def test_the_name_beside_all_numbers_may_be_one_that_lenstronomy_no_longer_has():
    values = load("demo").model_dump(exclude_none=True)
    values["simulate"]["observation"] |= {"instrument": "Hubble/old", "num_exposures": 1}
    assert check(values, "saved").simulate.observation.instrument == "Hubble/old"
    del values["simulate"]["observation"]["exposure_time"]
    with pytest.raises(ConfigError, match='no instrument "Hubble/old"'):
        check(values, "saved")
