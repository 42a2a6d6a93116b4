"""Faults of many files as few sentences."""

from lenstream.files.grouped import grouped


def test_one_kind_of_fault_is_one_sentence():
    faults = [(f"{k}.fits", f"its field of {k}.{k} arcsec is small.") for k in range(300)] + [
        ("z.fits", "it is a folder.")
    ]
    assert grouped(faults) == [
        "300 files (0.fits, 1.fits, 2.fits, ...): its field of 0.0 arcsec is small",
        "z.fits: it is a folder",
    ]
    assert grouped(faults[1:3]) == ["2 files (1.fits, 2.fits): its field of 1.1 arcsec is small"]
    assert grouped([]) == []
