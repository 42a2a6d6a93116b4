"""Settings of Sphinx: `make docs` builds the pages of this folder with furo, and warnings are errors.

The package is imported as it is installed. The root of the repository must not be on sys.path, where its folder ssl
would stand in front of Python's own module.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

COMPILED = dict(os.environ)
os.environ["NUMBA_DISABLE_JIT"] = "1"  # compiled functions stay functions, with signature and docstring
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import docstrings  # noqa: E402
import generate  # noqa: E402

project = "LenStream"
author = "LenStream developers"
release = version = importlib.metadata.version("lenstream")
copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
suppress_warnings = ["misc.highlighting_failure"]  # numba's and YAML's snippets need not be whole programs

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False

html_theme = "furo"
html_title = f"LenStream {version}"
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}


def plain_docstring(app, what, name, obj, options, lines):
    lines[:] = (
        [] if re.fullmatch(r"Alias for field number \d+", " ".join(lines).strip()) else docstrings.restructured(lines)
    )


def links_out_of_docs(app, docname, source):
    """Pages that lie elsewhere in the repository are copied into _generated/: links lead there."""
    up = "../" * docname.count("/")
    if not docname.startswith("_generated/"):
        source[0] = re.sub(r"\]\((?:\.\./)+(benchmarks|data_cards)/", rf"]({up}_generated/\1/", source[0])


def setup(app):
    generate.write(HERE / "_generated")
    subprocess.run([sys.executable, HERE / "recipe_pictures.py", HERE / "_generated"], env=COMPILED, check=True)
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("source-read", links_out_of_docs)
