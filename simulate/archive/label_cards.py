"""Labels as the cards of a FITS header, and back, bit for bit but for the kind of a NaN."""

import numpy as np

from ...configs.quantities import quantity
from ...files.fits_writing import card


def label_writer(labels, pattern="{}"):
    """A function of the row and the view of a system that gives the list of cards of its labels.

    pattern: of their names, for which {} stands. A label that a system lacks has a card without a value.
    """
    facts = []
    for label, values in labels.items():
        known = quantity(label)
        comment = " ".join(filter(None, [f"[{known.unit}]" if known.unit else "", known.meaning]))
        facts.append((pattern.format(label), values.tolist(), values.ndim == 2, comment))
    return lambda i, view: [card(n, v[i][view] if own else v[i], comment) for n, v, own, comment in facts]


def label_in(header, name):
    """The number of a label in a header of `files.fits_plain`.

    Raises: KeyError if it is not there, ValueError for what is no number.
    """
    value = header[name]
    return np.nan if value is None else float(value) if isinstance(value, str) else value
