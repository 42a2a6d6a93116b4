"""A file that gains one row, a JSON object a line, as each piece of work is done: stopped work goes on from it."""

import json


def rows_so_far(path):
    """The rows of a file, a list of dictionaries; a last line that was cut short does not count. No file: no rows."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [row for line in lines[:-1] if isinstance(row := _row(line), dict)]


def _row(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


class GrowingRows:
    """Adds rows to a file, which is begun anew with those that it has; a with-block closes it."""

    def __init__(self, path, rows):
        self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115 (closed by __exit__)
        for row in rows:
            self.add(row)

    def add(self, row):
        """Write one dictionary of JSON values; it is there whatever happens next."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
