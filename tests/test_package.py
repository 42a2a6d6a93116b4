"""The house: Python's own ssl stays visible, the package installs from a wheel, conda gets the same versions."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
STAGES = ("simulate", "ssl", "evaluate")


def test_stage_folders_are_namespace_packages():
    for stage in STAGES:
        assert (ROOT / stage).is_dir()
        assert not (ROOT / stage / "__init__.py").exists()


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


def test_every_package_and_data_file_is_declared():
    declared = set(PROJECT["tool"]["setuptools"]["packages"])
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {"lenstream": "."}
    folders = {p.parent.relative_to(ROOT) for stage in (*STAGES, "configs") for p in (ROOT / stage).rglob("*.py")}
    assert {".".join(("lenstream", *f.parts)) for f in folders} <= declared


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


def test_conda_users_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    project = PROJECT["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    assert [p for p in pip if not p.startswith("--")] == wanted
    assert f"python{project['requires-python']}" in environment["dependencies"]
    assert "--constraint constraints.txt" in pip


def test_constraints_hold_names_and_versions_only():
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    for requirement in PROJECT["project"]["dependencies"]:
        name = requirement.split(">")[0].split("[")[0]
        assert name in pins, f"{requirement} is not pinned"


def test_nothing_lower_imports_anything_higher():
    order = {"simulate": 0, "ssl": 1, "evaluate": 2}
    for stage, level in order.items():
        for path in (ROOT / stage).rglob("*.py"):
            for line in path.read_text().splitlines():
                if line.strip().startswith(("from ..", "from ...")):
                    target = line.split()[1].strip(".").split(".")[0]
                    assert order.get(target, 0) <= level, f"{path}: {line}"
                    assert target != "pipeline", f"{path}: {line}"


def test_the_public_names_are_there():
    import lenstream

    for name in lenstream.__all__:
        assert getattr(lenstream, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Lensstream'"):
        lenstream.Lensstream  # noqa: B018
