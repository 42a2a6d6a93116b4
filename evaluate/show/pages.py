"""Fill the templates of pages, which lie beside this file."""

import os
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def filled(template, **values):
    """The HTML of a template, such as "report.html.j2", for its values; text among them is escaped.

    Raises: jinja2.UndefinedError for a value that the template needs and does not get.
    """
    return _engine(Path(__file__).parent).get_template(template).render(**values)


def address(path, folder):
    """The address of a file from a page in a folder."""
    return quote(os.fsencode(os.path.relpath(path, folder)))


@cache
def _engine(folder):
    """What compiles the templates of a folder, each once."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
