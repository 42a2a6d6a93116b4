"""Nothing outside files/ opens a data file, and files/ costs no heavy import until one is opened."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READERS = sorted((ROOT / "files").glob("*.py"))
OTHERS = sorted(
    path
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts[0]
    in ("configs", "simulate", "ssl", "evaluate", *(p.name for p in ROOT.glob("*.py")))
)
# Libraries of formats; astropy.io, .table and .wcs are for files, astropy.cosmology is not.
FORMATS = ("astropy.io", "astropy.table", "astropy.wcs", "zarr", "pyarrow", "h5py", "zipfile")
READING = {"load", "loadtxt", "genfromtxt", "fromfile", "memmap", "open_memmap", "read_array"}  # of numpy
# What reads the results that the package wrote itself, which are no data files.
OWN_RESULTS = ("evaluate", "pipeline.py", "runs.py")
OWN_FORMATS = "simulate/archive/"  # writes datasets, and reads what it wrote itself
NOT_RESULTS = ("evaluate/real",)
MAKES_TABLES = ("simulate/label_table.py",)  # of numbers in memory


def imported(node):
    """Full names that a statement imports from outside the package."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def reads(node):
    """Whether an expression is a reader of numpy's or pandas', such as np.load or pd.read_csv."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return False
    library, name = node.value.id, node.attr
    return (library in ("np", "numpy") and name in READING) or (
        library in ("pd", "pandas") and name.startswith("read_")
    )


def opens(text, own_results=False):
    """What the text of a module imports or calls to open data files."""
    nodes = list(ast.walk(ast.parse(text)))
    formats = [f for f in FORMATS if not (own_results and f == "zipfile")]  # for the error of a damaged .npz
    found = [name for node in nodes for name in imported(node) if any(f"{name}.".startswith(f"{f}.") for f in formats)]
    return found + [ast.unparse(node) for node in nodes if reads(node) and not own_results]


def test_the_search_sees_what_it_is_for():
    for text in (
        "from astropy.io import fits",
        "from astropy import table",
        "def f():\n    import zarr.storage",
        "import numpy as np\nnp.load('a.npy')",
        "import pandas as pd\nf = pd.read_csv",
    ):
        assert opens(text), text
    assert not opens("from astropy.cosmology import FlatLambdaCDM\nfrom ..files import fits\nfits.look(path)")
    assert not opens("np.load('evaluation.npz')", own_results=True)
    assert len(OTHERS) > 80 and len(READERS) > 8


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_data_files_are_opened_in_files_alone(path):
    name = path.relative_to(ROOT).as_posix()
    results = name.startswith(OWN_RESULTS) and not name.startswith(NOT_RESULTS)
    made = ("astropy.table", *(f"astropy.table.{c}" for c in ("Column", "QTable"))) if name in MAKES_TABLES else ()
    own = name.startswith(OWN_FORMATS)
    found = [what for what in opens(path.read_text(), results) if what not in made and not own]
    assert found == [], f"{name} opens files; the readers are in files/"


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.name)
def test_a_reader_imports_its_library_when_it_reads(path):
    for node in ast.parse(path.read_text()).body:
        for name in imported(node):
            assert name.split(".")[0] in {*sys.stdlib_module_names, "numpy"}, f"{path.name} imports {name} at its top"
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1 or node.module == "errors", f"{path.name} imports {node.module}, which lies above it"
