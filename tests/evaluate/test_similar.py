"""Nearest neighbours by cosine, against scikit-learn; the image itself is none."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from lenstream.evaluate import similar
from lenstream.evaluate.likeness import Likeness
from lenstream.evaluate.similar import SearchedSet


def images_of(name, features, images=None, **labels):
    n = len(features)
    images = np.arange(n * 4, dtype=np.float32).reshape(n, 1, 2, 2) if images is None else images
    return SearchedSet(name, [f"{name}{k}" for k in range(n)], images, features, labels)


@pytest.fixture
def features():
    return np.random.default_rng(0).normal([2, 0, 5], [1, 3, 0.1], size=(30, 3)).astype(np.float32)


def test_neighbours_and_cosines_are_those_of_scikit_learn(features):
    rng = np.random.default_rng(1)
    queries = images_of("q", rng.normal(2, 3, size=(4, 3)), images=-np.ones((4, 1, 2, 2)))
    sets = [images_of("test", features), images_of("other", rng.normal(2, 3, size=(20, 3)))]
    found = similar.nearest(queries, sets, Likeness(features), 7)
    scaler = StandardScaler().fit(features)
    everything = scaler.transform(np.concatenate([features, sets[1].features]))
    distances, order = (
        NearestNeighbors(n_neighbors=7, metric="cosine").fit(everything).kneighbors(scaler.transform(queries.features))
    )
    for one, distance, expected in zip(found, distances, order, strict=True):
        assert one.places == [(0, i) if i < 30 else (1, i - 30) for i in expected]
        np.testing.assert_allclose(one.cosines, 1 - distance, atol=1e-5)
    assert len(similar.nearest(queries, sets[1:], Likeness(features), 100)[0].places) == 20  # all that there are


def test_the_image_itself_is_no_neighbour_and_one_with_its_features_is(features):
    images = np.random.default_rng(2).normal(size=(30, 1, 2, 2)).astype(np.float32)
    images[4, 0, 0, 0] = np.nan
    known, sets = Likeness(features), [images_of("test", features, images)]
    queries = images_of("q", features[4:5], images[4:5])
    assert (0, 4) not in similar.nearest(queries, sets, known, 30)[0].places
    other = images_of("q", features[4:5], images[5:6])
    first = similar.nearest(other, sets, known, 30)[0]
    assert first.places[0] == (0, 4) and first.cosines[0] == pytest.approx(1)


def test_the_table_has_a_row_a_neighbour_and_the_labels_that_there_are(features):
    sets = [
        images_of("test", features, theta_E=np.arange(30.0)),
        images_of("mine", features[:2] + 0.1, **{"class": ["lens", None]}),
    ]
    queries = images_of("q", features[:2] + 0.2, images=-np.ones((2, 1, 2, 2)))
    found = similar.nearest(queries, sets, Likeness(features), 5)
    table = similar.table(queries, sets, found)
    assert list(table.columns) == ["query", "rank", "name", "set", "cosine", "unusual", "theta_E", "class"]
    assert table["query"].tolist() == ["q0"] * 5 + ["q1"] * 5 and table["rank"].tolist() == [1, 2, 3, 4, 5] * 2
    of_test = table[table["set"] == "test"]
    assert (of_test["name"] == [f"test{v:.0f}" for v in of_test["theta_E"]]).all() and of_test["class"].isna().all()
    assert (table.groupby("query")["cosine"].diff().dropna() <= 0).all()


@pytest.mark.parametrize(
    ("strange", "n", "words", "unlike"),
    [(0.0, 40, "0 of 40", False), (0.5, 1000, "50 %", False), (1.0, 40, "40 of 40", True), (0.993, 1000, "99 %", True)],
)
def test_how_usual_an_image_is_in_words(strange, n, words, unlike):
    said = similar.in_words("a.fits", strange, n)
    assert said.startswith(f"a.fits: less like its nearest test lens than {words} of the test lenses")
    assert ("unlike what the run" in said) is unlike
