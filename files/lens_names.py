"""Names of lenses as names of their files, none of them twice."""

import re
from itertools import count


def file_names(names):
    """A name of files for every lens: its own without what no file can have, and with a number where that is taken.

    Two that differ in capitals alone are one to some systems. Args: names: of lenses, texts.
    """
    out, taken = [], set()
    for name in names:
        plain = re.sub(r"[^\w.+-]+", "_", name)
        plain = plain if plain.strip(".") else f"_{plain}"  # else a folder, as ".."
        free = next(t for t in (plain if n == 1 else f"{plain}_{n}" for n in count(1)) if t.casefold() not in taken)
        taken.add(free.casefold())
        out.append(free)
    return out
