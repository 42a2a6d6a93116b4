"""Labels from a table: by name whatever it is called there, by order, and refused if it does not fit."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify
from lenstream.files.label_tables import as_classes

from .layouts import SIZE, challenge, image, save, save_fits


def folder_of(folder, names):
    for k, name in enumerate(names):
        (save_fits if name.endswith(".fits") else save)(folder / name, image(k))
    return folder


@pytest.mark.parametrize(
    "ids",
    [
        ["b.npy", "a.npy", "d/c.npy"],
        ["b", "a", "c"],
    ],
)
@pytest.mark.parametrize("column", ["name", "file", "ID", "Filename"])
def test_by_name(tmp_path, ids, column):
    folder_of(tmp_path, ["a.npy", "b.npy", "d/c.npy"])
    rows = "".join(f"{name},{1.0 + k},{k}\n" for k, name in enumerate(ids))
    (tmp_path / "labels.csv").write_text(f"{column},theta_E,n\n{rows}")
    found = identify(tmp_path)
    theta = dict(zip(found.names, found.labels["theta_E"], strict=True))
    assert theta == {"a.npy": 2.0, "b.npy": 1.0, "d/c.npy": 3.0}
    assert found.labels["n"].dtype == np.int64
    assert set(found.labels) - {"class"} == {"theta_E", "n"}


def test_by_the_number_at_the_end(tmp_path):
    folder_of(tmp_path, ["imageEUC_VIS-100002.fits", "imageEUC_VIS-100001.fits"])
    (tmp_path / "log.csv").write_text("ID,theta_E\n100001,1\n100002,2\n100003,3\n")
    found = identify(tmp_path)
    assert found.labels["theta_E"].tolist() == [1, 2]
    assert any("labels by log.csv, by its column ID; 1 of its rows have no image" in note for note in found.notes)


@pytest.mark.parametrize("form", ["csv", "ecsv", "parquet", "vot", "fits"])
def test_formats(tmp_path, form):
    folder_of(tmp_path, ["a.npy", "b.npy"])
    table = Table({"name": ["b", "a"], "theta_E": [2.0, 1.0]})
    path = tmp_path / f"catalogue.{form}"
    if form == "parquet":
        from pyarrow import parquet
        from pyarrow import table as arrow

        parquet.write_table(arrow({"name": ["b", "a"], "theta_E": [2.0, 1.0]}), path)
    else:
        table.write(path, format={"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable"}.get(form, form))
    assert identify(tmp_path).labels["theta_E"].tolist() == [1.0, 2.0]


def test_by_order_in_an_array(tmp_path):
    save(tmp_path / "images.npy", image(0, 20, SIZE, SIZE))
    (tmp_path / "images.csv").write_text("theta_E,gamma\n" + "".join(f"{k},2.0\n" for k in range(20)))
    for path in (tmp_path, tmp_path / "images.npy"):
        found = identify(path)
        np.testing.assert_array_equal(found.labels["theta_E"], np.arange(20))
        assert "labels by images.csv, in the order of the images" in found.notes


def test_missing_numbers_are_nan(tmp_path):
    folder_of(tmp_path, ["a.npy", "b.npy"])
    (tmp_path / "labels.csv").write_text("name,theta_E\na,\nb,-99\n")
    assert np.isnan(identify(tmp_path).labels["theta_E"]).all()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "name,t\na,1\n",
            r"labels\.csv: has no row for 2 of 3 images, e\.g\. b\.npy, c\.npy; its column name begins with a$",
        ),
        ("name,t\na,1\nb,2\nc,3\na,4\n", r"names 1 images more than once, e\.g\. a$"),
        ("t\n1\n2\n", r"has 2 rows and no column of names .* there are 3 images, the first a\.npy; expected a row for"),
        ("t\n1\n2\n3\n4\n", r"has 4 rows"),
        ("name,t\nx,1\ny,2\n", r"has no row for 3 of 3 images, e\.g\. a\.npy, b\.npy, c\.npy; .* begins with x, y"),
    ],
)
def test_a_table_that_does_not_fit(tmp_path, text, sentence):
    folder_of(tmp_path, ["a.npy", "b.npy", "c.npy"])
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        identify(tmp_path)


def test_ids_that_do_not_tell_images_apart(tmp_path):
    folder_of(tmp_path, ["a_1.npy", "b_1.npy"])
    (tmp_path / "labels.csv").write_text("id,t\n1,5\n")
    with pytest.raises(DataError, match="does not tell the images apart"):
        identify(tmp_path)


def test_a_table_about_something_else_is_left_out(tmp_path):
    folder_of(tmp_path, ["a.npy", "b.npy", "c.npy"])
    (tmp_path / "loss.csv").write_text("epoch,loss\n1,2\n")
    found = identify(tmp_path)
    assert found.labels == {}
    assert "left out, as they are no images: 1 .csv" in found.notes


def test_of_several_tables_the_one_that_says_so(tmp_path):
    folder_of(tmp_path, ["a.npy", "b.npy"])
    (tmp_path / "loss.csv").write_text("name,epoch\na,1\nb,2\n")
    (tmp_path / "labels.csv").write_text("name,theta_E\na,1\nb,2\n")
    assert list(identify(tmp_path).labels) == ["theta_E"]


@pytest.mark.parametrize(
    ("column", "values", "classes", "numbers"),
    [
        ("is_lens", ["1", "0", "1"], ("nonlens", "lens"), [1, 0, 1]),
        ("class", ["10", "2", "2"], ("2", "10"), [1, 0, 0]),
        ("type", ["cdm", "axion", ""], ("axion", "cdm"), [1, 0, -1]),
        ("label", ["5", "5", "5"], (), None),
    ],
)
def test_classes(tmp_path, column, values, classes, numbers):
    folder_of(tmp_path, ["a.npy", "b.npy", "c.npy"])
    rows = "".join(f"{name},{value}\n" for name, value in zip("abc", values, strict=True))
    (tmp_path / "labels.csv").write_text(f"name,{column}\n{rows}")
    found = identify(tmp_path)
    assert found.classes == classes
    if numbers is not None:
        assert [found.classes[k] if k >= 0 else None for k in found.labels["class"]] == [
            classes[k] if k >= 0 else None for k in numbers
        ]


def test_words_are_said(tmp_path):
    folder_of(tmp_path, ["a.npy", "b.npy"])
    (tmp_path / "labels.csv").write_text("name,comment\na,fine\nb,bad\n")
    assert (
        "columns of words, which only evaluate.data takes, as classes or objects: comment" in identify(tmp_path).notes
    )


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)), st.sampled_from(["name", "file", "id"]))
def test_any_order_of_rows(tmp_path_factory, order, column):
    folder = folder_of(tmp_path_factory.mktemp("t"), [f"lens_{k}.npy" for k in range(6)])
    rows = "".join(f"lens_{k},{k / 10}\n" for k in order)
    (folder / "labels.csv").write_text(f"{column},theta_E\n{rows}")
    found = identify(folder)
    np.testing.assert_array_equal(found.labels["theta_E"], np.arange(6) / 10)


def test_the_challenge(tmp_path):
    found = identify(challenge(tmp_path))
    assert found.kind == "folders of bands"
    assert (len(found), found.bands, found.pixel_scale) == (4, ("J", "VIS"), 0.1)
    assert found.classes[found.labels["class"][1]] == "lens"
    np.testing.assert_allclose(found.labels["Einstein_area"], [0, 0.5, 1.0, 1.5])
    np.testing.assert_array_equal(found.read(3)[0], np.stack([image(31), image(30)]))


def test_a_column_of_classes_leaves_those_of_folders(tmp_path):
    folder_of(tmp_path, ["a/0.npy", "a/1.npy", "b/2.npy"])
    (tmp_path / "labels.csv").write_text("name,class\n0,7\n1,8\n2,7\n")
    found = identify(tmp_path)
    assert found.classes == ("a", "b") and found.labels["class"].tolist() == [0, 0, 1]
    assert "column class is not read, as there are classes by themselves (a, b)" in found.notes


def test_an_order_of_two_readings_is_refused(tmp_path):
    """img_10 comes before img_2 by letters."""
    folder_of(tmp_path, [f"img_{k}.npy" for k in range(1, 12)])
    table = tmp_path / "labels.csv"
    table.write_text("t\n" + "".join(f"{k}\n" for k in range(1, 12)))
    with pytest.raises(DataError, match=r"as img_10\.npy comes before img_2\.npy by letters and after it by numbers"):
        identify(tmp_path)
    table.write_text("name,t\n" + "".join(f"img_{k},{k}\n" for k in range(1, 12)))
    assert identify(tmp_path).labels["t"].tolist() == [1, 10, 11, *range(2, 10)]


def test_one_order_is_taken(tmp_path):
    folder_of(tmp_path, [f"img_{k:02}.npy" for k in range(1, 12)])
    (tmp_path / "labels.csv").write_text("t\n" + "".join(f"{k}\n" for k in range(1, 12)))
    assert identify(tmp_path).labels["t"].tolist() == list(range(1, 12))


def test_numbers_in_a_stack_are_ids(tmp_path):
    save(tmp_path / "images.npy", image(0, 20, SIZE, SIZE))
    (tmp_path / "images.csv").write_text("id,t\n" + "".join(f"{k},{k / 2}\n" for k in reversed(range(20))))
    np.testing.assert_array_equal(identify(tmp_path / "images.npy").labels["t"], np.arange(20) / 2)


def test_the_column_of_names_that_fits_is_taken(tmp_path):
    folder_of(tmp_path, ["a.npy", "b.npy"])
    (tmp_path / "labels.csv").write_text("name,file,t\nJ1234+5,b,2\nJ4321-5,a,1\n")
    found = identify(tmp_path)
    assert found.labels["t"].tolist() == [1, 2]
    assert "labels by labels.csv, by its column file" in found.notes


@pytest.mark.parametrize(
    ("values", "classes", "numbers"),
    [
        (["b", "nan", "a", "N/A", "-99", "none", "NULL", ""], ("a", "b", "none"), [1, -1, 0, -1, -1, 2, -1, -1]),
        ([0, 1, -99, np.nan, -999], ("0", "1"), [0, 1, -1, -1, -1]),
        ([-1, 1, 99, -9], ("-9", "-1", "1", "99"), [1, 2, 3, 0]),
    ],
)
def test_marks_of_missing_values_are_no_classes(values, classes, numbers):
    found = as_classes(np.array(values), None)
    assert tuple(found[0]) == classes and found[1].tolist() == numbers
