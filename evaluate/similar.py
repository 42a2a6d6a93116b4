"""Find the images that an encoder takes for the most alike: among the test lenses of a run, or in any image sets.

Alike is the cosine of `likeness.Likeness`: of features standardised by the test lenses.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

TEST = "test"  # the name of the set of test lenses
UNLIKE = 0.99  # an image is called unlike the test lenses if so many of them are less alone than it is
SAME = 1 - 1e-6  # cosines from here on may be of one and the same image


class SearchedSet(NamedTuple):
    """A set of images to search, or to search by."""

    name: str
    names: list[str]
    images: Any  # float32 (n, bands, h, w), or `real.seen_sets.SeenImages`; None: they are drawn when they are needed
    features: np.ndarray  # float32 (n, d)
    labels: dict  # name of a label -> (n,) numbers or words, None or NaN where there is none
    prints: list | None = None  # of `real.seen_sets.fingerprint`, of each image


class NearestImages(NamedTuple):
    """The neighbours of one image."""

    query: int  # its number
    strange: float  # of `Likeness.less_than_usual`
    places: list  # of the neighbours, nearest first: (number of the set, number in the set)
    cosines: np.ndarray  # (n,)


def nearest(queries, sets, known, n):
    """The `NearestImages` of every query among all images of some sets; an image that is the query itself is left out.

    Args: queries: `SearchedSet`. sets: of `SearchedSet`. known: `likeness.Likeness` of the test lenses. n: how many.
    """
    directions = [known.directions(found.features) for found in sets]
    strange = known.less_than_usual(queries.features)
    places = [(k, i) for k, found in enumerate(sets) for i in range(len(found.names))]
    out = []
    for query, direction in enumerate(known.directions(queries.features)):
        cosines = np.concatenate([of_set @ direction for of_set in directions])
        order = np.argsort(-cosines, kind="stable")[: n + 50]
        order = [i for i in order if not (cosines[i] > SAME and _is(queries, query, sets, places[i]))][:n]
        out.append(NearestImages(query, float(strange[query]), [places[i] for i in order], cosines[order]))
    return out


def _is(queries, query, sets, place):
    """Whether a neighbour is the very image that is asked about."""
    images = sets[place[0]].images
    if images is None:
        return False
    if queries.prints is not None and sets[place[0]].prints is not None:
        return queries.prints[query] == sets[place[0]].prints[place[1]]
    return np.array_equal(queries.images[query], images[place[1]], equal_nan=True)


def table(queries, sets, found):
    """The neighbours as a DataFrame: query, rank, name, set, cosine, and a column for each label of a neighbour.

    unusual: `NearestImages.strange` of the query.
    """
    rows = []
    for one in found:
        for rank, ((k, i), cosine) in enumerate(zip(one.places, one.cosines, strict=True), start=1):
            row = {"query": queries.names[one.query], "rank": rank, "name": sets[k].names[i], "set": sets[k].name}
            row |= {"cosine": float(cosine), "unusual": one.strange}
            rows.append(row | {label: values[i] for label, values in sets[k].labels.items()})
    labels = dict.fromkeys(label for images in sets for label in images.labels)
    return pd.DataFrame(rows, columns=["query", "rank", "name", "set", "cosine", "unusual", *labels])


def in_words(name, strange, n_test):
    """A sentence on how usual an image is among the test lenses, with the hint that it is not where few are so alone.

    strange: of `Likeness.less_than_usual`.
    """
    share = f"{100 * strange:.0f} %" if n_test >= 100 else f"{round(strange * n_test)} of {n_test}"
    said = f"{name}: less like its nearest test lens than {share} of the test lenses are like theirs"
    return said + (", so it is unlike what the run was tested on" if strange >= UNLIKE else "")


def searched(name, seen, encoder, targets):
    """The `SearchedSet` of a `real.seen_sets.SeenSet`, whose labels of the run's targets come first."""
    labels = {_target(label, targets): values for label, values in seen.labels.items()}
    labels = {label: labels[label] for label in sorted(labels, key=lambda label: label not in (*targets, "class"))}
    return SearchedSet(name, seen.names, seen.images, seen.features[encoder], labels, seen.prints)


def _target(label, targets):
    """A label by the name of the target that it gives, such as theta_E_published."""
    plain = label.removesuffix("_published")
    return plain if plain in targets else label
