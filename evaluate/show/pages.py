"""Fill the templates of pages, which lie beside this file."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def filled(template, **values):
    """The HTML of a template, such as "report.html.j2", for its values; text among them is escaped.

    Raises: jinja2.UndefinedError for a value that the template needs and does not get.
    """
    engine = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return engine.get_template(template).render(**values)
