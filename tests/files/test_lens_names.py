"""Names of files: what a file cannot be called is replaced, and no two lenses share one."""

from lenstream.files.lens_names import file_names


def test_a_plain_name_stays():
    assert file_names(["J0008-0004", "SDSS.J1+2", "Übersicht_3"]) == ["J0008-0004", "SDSS.J1+2", "Übersicht_3"]


def test_what_steers_paths_and_addresses_is_replaced():
    assert file_names(["a/b", "<b>x</b>", '5% "q"', "../up"]) == ["a_b", "_b_x_b_", "5_q_", ".._up"]
    assert file_names(["..", "."]) == ["_..", "_."]


def test_names_that_become_the_same_are_numbered():
    assert file_names(["a b", "a_b", "a/b", "A_B", "a_b_2"]) == ["a_b", "a_b_2", "a_b_3", "A_B_4", "a_b_2_2"]
