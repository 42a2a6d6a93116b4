"""Labels as tables: rows, units and whole numbers, and that FITS, ECSV and CSV files give them back."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import QTable

from lenstream import label_table
from lenstream.configs import quantities
from lenstream.configs.load import load
from lenstream.errors import ArgumentError
from lenstream.simulate.labels import all_labels, labels
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


def test_one_view_is_a_row_of_scalars(everything):
    systems = draw(everything, np.arange(12))
    table, known = label_table(everything, systems), all_labels(everything, systems)
    assert len(table) == 12 and table.colnames == ["index", *known]
    for name, value in known.items():
        column = table[name]
        assert column.shape == (12,)
        np.testing.assert_array_equal(getattr(column, "value", column), value.reshape(12))
    assert table["theta_E"].unit == u.arcsec and table["source_magnitude"].unit == u.mag
    assert table["index"].dtype == table["class"].dtype == table["n_halos"].dtype == np.int64
    assert table["class"].tolist() == systems.class_number.tolist()
    assert table.meta == {"CONFIG": "", "SEED": 1, "CLASS0": "lens", "CLASS1": "subhalos", "CLASS2": "galaxy"}
    assert np.isnan(table["theta_E"][table["class"] == 2]).all()


def test_several_views_are_rows_of_their_own(everything):
    systems = draw(everything, [3, 8], Views(3))
    table, known = label_table(everything, systems, derived=False), labels(systems)
    assert table["index"].tolist() == [3, 3, 3, 8, 8, 8] and table["view"].tolist() == [0, 1, 2] * 2
    np.testing.assert_array_equal(table["theta_E"].value, np.repeat(known["theta_E"], 3))
    np.testing.assert_array_equal(table["source_magnitude"].value.reshape(2, 3), known["source_magnitude"])
    assert "class" in table.colnames and "magnification" not in table.colnames


def test_a_batch_of_a_stream(everything):
    with LensStream(everything, 4, start=8, views=Views(2)) as stream:
        batch = next(stream)
        table = label_table(stream.scene, batch)
    expected = label_table(everything, draw(everything, np.arange(8, 12), Views(2)))
    assert table.colnames == expected.colnames and table.meta == expected.meta
    for name in table.colnames:
        found, wanted = (getattr(t[name], "value", t[name]) for t in (table, expected))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        assert table[name].unit == expected[name].unit


@pytest.mark.filterwarnings("error")
def test_files_give_the_table_back(everything, tmp_path):
    table = label_table(everything, draw(everything, np.arange(6), Views(2)))
    for name in ("labels.fits", "labels.ecsv"):
        table.write(tmp_path / name)
        again = QTable.read(tmp_path / name)
        assert again.colnames == table.colnames
        assert {k: again.meta[k] for k in table.meta} == table.meta
        for column in table.colnames:
            found, wanted = (getattr(t[column], "value", t[column]) for t in (again, table))
            np.testing.assert_array_equal(
                np.ma.filled(np.ma.asarray(getattr(found, "unmasked", found)), np.nan), wanted
            )
            assert again[column].unit == table[column].unit
        assert again["class"].dtype.kind == "i"
        assert again["theta_E"].info.description.startswith("Einstein radius")
    table.write(tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    pd.testing.assert_frame_equal(frame, table.to_pandas(index=False), check_exact=True)


def test_an_empty_list_of_systems_and_very_large_indices(everything):
    nothing = label_table(everything, draw(everything, [], Views(2)))
    assert len(nothing) == 0 and nothing.colnames == ["index", "view", *all_labels(everything, draw(everything, [5]))]
    assert label_table(everything, draw(everything, [2**64 - 1]), derived=False)["index"][0] == 2**64 - 1


def test_the_name_of_the_config_is_kept():
    scene = make_scene(load("w1", ["simulate.image={num_pix: 16, pixel_scale: 0.3}", "seed=9"]))
    assert label_table(scene, draw(scene, [0]), derived=False).meta == {"CONFIG": "w1", "SEED": 9}


@pytest.mark.parametrize("given", [None, [0, 1], {"theta_E": [1.0]}, "labels"])
def test_what_has_no_labels_is_refused(everything, given):
    with pytest.raises(ArgumentError, match="of: expected the Systems that draw returns, or a Batch of a stream"):
        label_table(everything, given)


def test_astropy_reads_every_unit():
    texts = {quantities.quantity(name).unit for name in quantities.names()}
    assert {"arcsec", "mag(AB)", "Msun", "rad", ""} <= texts
    for text in texts:
        assert u.Unit(u.Unit(text).to_string()) == u.Unit(text)
