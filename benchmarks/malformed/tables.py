"""Tables in text, FITS, VOTable and Parquet, and catalogues of lenses."""

import io
import pickle
import random
from collections.abc import Iterator

import numpy as np
from astropy.table import Table

from .arrays import Payload
from .cases import ACCEPT, MARKER, REFUSE, Case, config_of, from_file, trained
from .images import good_fits


def table_bytes(form: str) -> bytes:
    """A table of 30 Einstein radii in a format."""
    rng = np.random.default_rng(0)
    values = Table({"name": [f"L{k}" for k in range(30)], "theta_E": rng.uniform(0.8, 1.6, 30), "e1": np.zeros(30)})
    held = io.BytesIO()
    if form == "parquet":
        values.to_pandas().to_parquet(held)
    elif form == "csv":
        return values.to_pandas().to_csv(index=False).encode()
    elif form == "ecsv":
        text = io.StringIO()
        values.write(text, format="ascii.ecsv")
        return text.getvalue().encode()
    else:
        values.write(held, format={"fits": "fits", "vot": "votable"}[form])
    return held.getvalue()


def tables(chance: random.Random) -> Iterator[Case]:
    """Columns that parameters are drawn from."""
    good = table_bytes("csv").decode()
    rows = "".join(good.splitlines(True)[1:])
    more = [
        ("empty", b"", REFUSE),
        ("a header alone", b"name,theta_E,e1\n", REFUSE),
        ("words", b"theta_E\na\nb\n", REFUSE),
        ("NaN", b"theta_E\nnan\nnan\n", REFUSE),
        ("infinite", b"theta_E\n1\ninf\n", REFUSE),
        ("negative", b"theta_E\n-1\n-2\n", REFUSE),
        ("1e300", b"theta_E\n1\n1e300\n", REFUSE),
        ("twice the column", b"theta_E,theta_E\n1,2\n1,2\n", REFUSE),
        ("another column", b"thetaE\n1\n1.1\n", REFUSE),
        ("longer rows", ("theta_E,b\n" + "1.1,2,3\n" * 5).encode(), REFUSE),
        ("NULs", good.replace("1.", "1\0.").encode(), REFUSE),
        ("UTF-16", good.encode("utf-16"), None),
        ("semicolons", good.replace(",", ";").encode(), None),
        ("decimal commas", good.replace(",", ";").replace(".", ",").encode(), None),
        ("comments", ("# a table\n" + good).encode(), None),
        ("quotes", ('"theta_E\n' + rows).encode(), REFUSE),
        ("one line of 5 MB", b"theta_E," + b"x" * 5_000_000 + b"\n1,2\n", None),
        (
            "20,000 columns",
            (",".join(["theta_E", *map(str, range(20000))]) + "\n" + "1," * 20000 + "1\n").encode(),
            None,
        ),
        ("a formula", b"theta_E\n=1+1\n=1+2\n", REFUSE),
        ("a pickle", pickle.dumps(Payload()), REFUSE),
    ]

    def arguments(path):
        return config_of(f"simulate.lens_mass.0.theta_E={{table: {{file: {path}, column: theta_E}}}}")

    yield from from_file("tables", "csv", good.encode(), ".csv", arguments, chance, 30, more)
    tag = f'# - !!python/object/apply:os.system ["touch {MARKER}"]\n'
    hostile = table_bytes("ecsv").replace(b"# schema", tag.encode() + b"# schema")
    yield from from_file(
        "tables", "ecsv", table_bytes("ecsv"), ".ecsv", arguments, chance, 20, [("tag", hostile, None)]
    )
    yield from from_file("tables", "fits", table_bytes("fits"), ".fits", arguments, chance, 25)
    yield from from_file(
        "tables", "votable", table_bytes("vot"), ".vot", arguments, chance, 15, [("entities", XML, None)]
    )
    yield from from_file("tables", "parquet", table_bytes("parquet"), ".parquet", arguments, chance, 20)


XML = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY b%d "%s">' % (k, b"&%s;" % (b"a" if k == 0 else b"b%d" % (k - 1)) * 10) for k in range(12))
    + b"]><VOTABLE>&b11;</VOTABLE>"
)


def catalogues(chance: random.Random) -> Iterator[Case]:
    """Published values beside a good cut-out."""
    good = b"name,theta_E,gamma\nlens,1.1,2.0\nother,1.2,2.1\n"
    more = [
        ("no name", b"theta_E\n1.1\n", REFUSE),
        ("a name twice", b"name,theta_E\nlens,1\nlens,2\n", REFUSE),
        ("none of ours", b"name,theta_E\nx,1\ny,2\n", REFUSE),
        ("no column of ours", b"name,a\nlens,1\n", REFUSE),
        ("words", b"name,theta_E\nlens,abc\n", REFUSE),
        ("-99", b"name,theta_E\nlens,-99\n", None),
        ("NA", b"name,theta_E\nNA,1\nlens,1.2\n", ACCEPT),
        ("angles without a unit", b"name,q,PA\nlens,.7,1.2\n", None),
    ]

    def prepare(folder):
        (folder / "lenses").mkdir()
        (folder / "lenses" / "lens.fits").write_bytes(good_fits())

    def arguments(path):
        folder = path.parent
        return trained(folder, f"real_lenses.images={folder / 'lenses'}", f"real_lenses.catalogue={path}")

    yield from from_file("tables", "catalogue", good, ".csv", arguments, chance, 25, more, prepare)
