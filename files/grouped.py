"""One sentence for one kind of fault, however many files have it."""

import re

SHOWN = 3  # names that are given of a kind


def grouped(faults):
    """Sentences on faults, a list of str without a full stop: one for each kind, with a count and the first names.

    faults: pairs (name of a file, what is wrong with it). Faults that differ only in numbers are of one kind, for which
    the first speaks.
    """
    kinds = {}
    for name, fault in faults:
        kinds.setdefault(re.sub(r"\d[\d.,e+-]*", "0", fault), []).append((name, fault))
    out = []
    for members in kinds.values():
        names, fault = [name for name, _ in members], members[0][1].rstrip(".")
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        out.append(f"{names[0]}: {fault}" if len(names) == 1 else f"{len(names)} files ({shown}): {fault}")
    return out
