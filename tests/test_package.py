"""The package as a whole: what it installs and names, that Python's own ssl stays visible, and that a wheel works."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = ("command_line", "configs", "evaluate", "files", "simulate", "ssl")
NOT_INSTALLED = ("tests", "benchmarks", "docs", ".ci", ".github")


def test_rooms_are_namespace_packages():
    for room in ROOMS:
        assert (ROOT / room).is_dir()
        assert not (ROOT / room / "__init__.py").exists()


def test_ssl_is_pythons_own_for_a_script_at_the_root(tmp_path):
    script = "import sys; sys.path.insert(0, '.'); import ssl; print(ssl.OPENSSL_VERSION, ssl.__file__)"
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "SSL" in printed
    assert str(ROOT / "ssl") not in printed
    helped = subprocess.run([sys.executable, "run_pipeline.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert helped.returncode == 0, helped.stderr
    assert "predict" in helped.stdout


def test_ssl_is_pythons_own_under_pytest():
    import ssl

    import lenstream.ssl.augment

    assert ssl.OPENSSL_VERSION
    assert Path(lenstream.ssl.augment.__file__).parent == ROOT / "ssl"


def test_every_folder_of_code_and_data_is_declared():
    declared = set(PROJECT["tool"]["setuptools"]["packages"])
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {"lenstream": "."}
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    inside = [Path(f) for f in listed if f.split("/")[0] not in NOT_INSTALLED and (ROOT / f).is_file()]
    folders = {f.parent for f in inside if f.suffix in (".py", ".yaml", ".j2") and len(f.parts) > 1}
    assert {".".join(("lenstream", *f.parts)) for f in folders} <= declared
    for package in declared:
        folder = ROOT.joinpath(*package.split(".")[1:])
        assert folder.is_dir(), f"{package} is declared but there is no {folder}"
        patterns = PROJECT["tool"]["setuptools"]["package-data"].get(package, [])
        for file in folder.glob("*.*"):
            if file.suffix in (".yaml", ".j2") and folder != ROOT and file.relative_to(ROOT) in inside:
                assert any(file.match(p) for p in patterns), f"{file} would be missing in a wheel"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the project installed from its wheel, next to nothing else of it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import setuptools.build_meta as b; print(b.build_wheel(r'{}'))".format(folder / "dist")
    (folder / "dist").mkdir()
    source = folder / "source"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def test_an_installed_wheel_works_and_leaves_ssl_alone(installed, tmp_path):
    script = (
        f"import sys; sys.path.insert(0, r'{installed}'); sys.path.insert(1, r'{installed / 'lenstream'}')\n"
        "import ssl; assert ssl.OPENSSL_VERSION\n"
        "import lenstream.ssl.augment, lenstream.evaluate.show.figures, lenstream.simulate.profiles.epl\n"
        f"assert lenstream.ssl.augment.__file__.startswith(r'{installed}'), lenstream.ssl.augment.__file__\n"
        "from lenstream.configs.load import available, load\n"
        "assert load('demo').name == 'demo' and 'w1' in available()\n"
    )
    result = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (installed / "lenstream" / "evaluate" / "show" / "report.html.j2").is_file()


def test_a_wheel_brings_types_and_citation_but_no_tests(installed):
    assert (installed / "lenstream" / "py.typed").is_file()
    assert (installed / "lenstream" / "CITATION.cff").is_file()
    assert not any((installed / "lenstream" / name).exists() for name in NOT_INSTALLED)


def test_conda_users_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert pip == ["--constraint constraints.txt", "--editable .[all,test,docs]"]
    assert f"python{PROJECT['project']['requires-python']}" in environment["dependencies"]


def test_constraints_pin_all_that_is_asked_for():
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    for requirement in requirements("all", "test", "docs"):
        assert name_of(requirement) in pins, f"{requirement} is not pinned"
    assert list(pins) == sorted(pins, key=lambda name: f"{name}==")


def test_make_installs_what_conda_does():
    assert "--constraint constraints.txt --editable '.[all,test,docs]'" in (ROOT / "Makefile").read_text()


def test_all_is_every_extra_that_runs_anywhere():
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(requirements("all")) == set(requirements(*(set(extras) - {"cuda", "docs", "test", "all"})))


def test_the_simulator_asks_for_no_package_of_the_training():
    core = {name_of(r) for r in PROJECT["project"]["dependencies"]}
    assert not core & {"torch", "torchvision", "timm", "lightly", "lightning", "umap-learn", "tensorboard"}


def test_the_version_stands_in_one_place():
    version = PROJECT["project"]["version"]
    assert importlib.metadata.version("lenstream") == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    assert "version" not in yaml.safe_load((ROOT / "CITATION.cff").read_text())
    for path in ROOT.glob("*.py"):
        assert version not in path.read_text(), path


def test_the_citation_file_says_what_the_format_asks_for():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software" and citation["license"] == PROJECT["project"]["license"]
    assert citation["title"].startswith("LenStream") and citation["message"]
    assert [a["name"] for a in PROJECT["project"]["authors"]] == [a["name"] for a in citation["authors"]]


def test_the_makefile_names_no_folder_outside_the_project():
    assert not re.search(r"(^|[\s'\"=])(\.\./[a-z]|/[a-z]+/|~)", (ROOT / "Makefile").read_text(), re.MULTILINE)


def requirements(*extras):
    """The project's requirements with some of its extras, those that are written as extras of lenstream followed."""
    project = PROJECT["project"]
    wanted, out = list(extras), list(project["dependencies"])
    while wanted:
        for requirement in project["optional-dependencies"][wanted.pop()]:
            if name_of(requirement) == "lenstream":
                wanted += re.search(r"\[(.*)\]", requirement)[1].split(",")
            else:
                out.append(requirement)
    return out


def name_of(requirement):
    return re.match(r"[A-Za-z0-9_.-]+", requirement)[0]


def test_the_public_names_are_there():
    import lenstream

    for name in lenstream.__all__:
        assert getattr(lenstream, name) is not None
    with pytest.raises(AttributeError, match=r"no attribute 'Lensstream'\. Did you mean \"LensStream\"\?"):
        lenstream.Lensstream  # noqa: B018
    assert lenstream.__version__ == PROJECT["project"]["version"]
    assert {*lenstream.__all__, "__version__"} <= set(dir(lenstream))


def test_type_checkers_see_the_public_names_where_they_are():
    import lenstream

    tree = ast.parse((ROOT / "__init__.py").read_text())
    (block,) = [n for n in tree.body if isinstance(n, ast.If)]
    told = {a.asname or a.name: i.module for i in block.body for a in i.names}
    assert told == lenstream._HOMES
    (written,) = [
        ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"
    ]
    assert sorted(lenstream.__all__) == sorted(told) == sorted(written)


def test_all_names_without_the_packages_of_the_training():
    """What `*` brings where only the simulator is installed, and what is said of the rest."""
    script = (
        "import sys\n"
        "sys.meta_path.insert(0, type('Absent', (), {'find_spec': staticmethod(lambda name, *_: (_ for _ in ()).throw("
        "ModuleNotFoundError(name)) if name.split('.')[0] in ('torch', 'timm') else None)}))\n"
        "from lenstream import *\n"
        "import lenstream\n"
        "assert 'LensStream' not in globals() and 'load_encoder' not in dir(lenstream)\n"
        "table = label_table(make_scene('w1'), draw(make_scene('w1'), [0]), derived=False)\n"
        "for name in ('LensStream', 'load_encoder'):\n"
        "    try:\n        getattr(lenstream, name)\n"
        "    except ImportError as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert [line.split(" as ")[0] for line in done.stdout.splitlines()] == [
        "lenstream.LensStream needs lenstream[train],",
        "lenstream.load_encoder needs lenstream[train],",
    ]


@pytest.mark.slow
def test_a_program_of_a_user_is_typed(tmp_path):
    """mypy --strict of a program that calls the whole API, with an error where a call is wrong."""
    (tmp_path / "lenstream").symlink_to(ROOT)
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np\nimport lenstream\n"
        "from lenstream import Views, draw, label_table, labels, load_config, make_scene, render, to_lenstronomy\n"
        "scene = make_scene(load_config('w1'))\n"
        "other = make_scene({'simulate': {}}, seed=3)\n"
        "systems = draw(scene, np.arange(3), Views(n=2, redraw=frozenset({'source'})))\n"
        "image = render(scene, systems, noise=True, threads=2)\n"
        "radius: np.ndarray = labels(systems)['theta_E']\n"
        "table = label_table(scene, systems)\n"
        "terms: dict[str, object] = to_lenstronomy(scene, systems, 0)\n"
        "version: str = lenstream.__version__\n"
        "stream = lenstream.LensStream('w1', 8, device='cpu')\n"
        "encoder = lenstream.load_encoder('runs/demo')\n"
        "card_name: str = encoder.card.name\n"
        "make_scene(3)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports"]
    done = subprocess.run(
        [*command, "--config-file=", str(program)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(tmp_path)},
    )
    problems = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(problems) == 1 and 'Argument 1 to "make_scene"' in problems[0], done.stdout
