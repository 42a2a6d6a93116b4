"""Parts of a set of labelled images: whole objects, equal shares of classes, exact counts, by a seed and by names.

Who is where follows from a hash of the seed and the object's name, not from the order of files: another file moves
one or two of the others at most, those at the border between two parts.
"""

import hashlib
from collections import Counter

import numpy as np

TEST_SHARE = 0.2  # of images, or pairs of them, that do not say which are for tests


def order_of(names, seed):
    """Places of names (n,) in an order that follows from the seed and from each name alone, int64 (n,)."""
    keys = [hashlib.sha256(f"{seed}/{name}".encode(errors="surrogateescape")).digest() for name in names]
    return np.array(sorted(range(len(keys)), key=lambda k: (keys[k], str(names[k]))), dtype=np.int64)


def objects(names, *groupings):
    """The object of each image, int64 (n,): images are of one that share a value in one of the groupings.

    groupings: values (n,) each; None, the empty word and NaN are of no group. Numbers of objects are places of the
    first image by name, so that they do not depend on the order of the images.
    """
    parent = list(range(len(names)))

    def root(k):
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for values in groupings:
        seen = {}
        for k, value in enumerate(values):
            if value is None or value == "" or value != value:
                continue
            a, b = root(k), root(seen.setdefault(value, k))
            low, high = sorted((a, b), key=lambda place: (str(names[place]), place))
            parent[high] = low
    return np.array([root(k) for k in range(len(names))], dtype=np.int64)


def divide(names, of_object, strata, shares, seed):
    """Parts of images, {part: int64 places (n,) in order}; what no share takes is the part None.

    Each part has its share of each stratum, together exactly the share of all, rounded, if each object has one image;
    objects stay whole, so with larger ones it comes as near as their order allows.

    Args: names: (n,) of images. of_object: numbers (n,) of `objects`. strata: numbers (n,) of classes.
    shares: {part: fraction of all images}. seed: a number.
    """
    members = {}
    for k, number in enumerate(of_object):
        members.setdefault(int(number), []).append(k)
    firsts = np.array(sorted(members), dtype=np.int64)
    firsts = firsts[order_of([names[k] for k in firsts], seed)]
    stratum = {int(k): _commonest(strata[members[int(k)]]) for k in firsts}
    sizes = Counter()
    for k in firsts:
        sizes[stratum[int(k)]] += len(members[int(k)])
    found = {part: [] for part in (*shares, None)}
    left = {part: _quotas(sizes, share) for part, share in shares.items()}
    for k in map(int, firsts):
        size, of = len(members[k]), stratum[k]
        part = next((part for part in shares if 2 * left[part][of] >= size), None)
        if part is not None:
            left[part][of] -= size
        found[part] += members[k]
    return {part: np.array(sorted(places), dtype=np.int64) for part, places in found.items()}


def even_order(names, strata, seed):
    """Places (n,) in an order of which every beginning holds the classes in equal shares, within one image.

    Args: as of `divide`.
    """
    order = order_of(names, seed)
    rank, counts = np.zeros(len(order)), Counter(np.asarray(strata).tolist())
    seen = Counter()
    for k in order:
        of = int(strata[k])
        rank[k] = (seen[of] + 0.5) / counts[of]
        seen[of] += 1
    return order[np.argsort(rank[order], kind="stable")]


def _commonest(values):
    """The value that is there most often, the smallest of equal ones."""
    counts = Counter(np.asarray(values).tolist())
    return min(counts, key=lambda value: (-counts[value], value))


def _quotas(sizes, share):
    """Images of each stratum in a part, by largest remainders: {stratum: count} of a sum that is the rounded share."""
    exact = {of: share * size for of, size in sizes.items()}
    found = {of: int(value + 1e-9) for of, value in exact.items()}
    missing = round(share * sum(sizes.values())) - sum(found.values())
    for of in sorted(exact, key=lambda of: (found[of] - exact[of], of))[: max(missing, 0)]:
        found[of] += 1
    return Counter(found)
