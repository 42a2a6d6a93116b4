"""The commands that make datasets, as a user meets them: what is printed, gone on with and refused."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray

from lenstream.run_pipeline import main
from lenstream.simulate.archive.description import load
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.ledger import read_entries
from lenstream.simulate.archive.writing import is_finished
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems import scene
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

SMALL = ["w1", "simulate.image={num_pix: 16, pixel_scale: 0.2, rays: 1}", "simulate.observation.noise=true"]


def said(arguments, capsys):
    """Exit code, stdout and stderr of the command line."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_simulate_and_extend(tmp_path, capsys):
    folder = tmp_path / "set"
    made = ["simulate", *SMALL, "--count", 6, "--out", folder, "--views", 2, "--split", "test", "--start", 3]
    code, out, err = said(made, capsys)
    assert code == 0, err
    first, second = out.splitlines()
    assert first == str(folder)
    assert f"lenstream verify {folder}" in second and "xarray.open_zarr(" in second
    assert (folder / "contact_sheet.png").stat().st_size > 10_000
    assert (folder / "labels.parquet").is_file() and not (folder / "labels.ecsv").exists()
    code, out, err = said(["extend", folder, "--count", 2], capsys)
    assert code == 0 and out.splitlines()[0] == str(folder)
    held = xarray.open_zarr(folder)
    indices = FIRST_INDEX["test"] + np.arange(3, 11)
    assert held["index"].values.tolist() == indices.tolist()
    from lenstream.configs.load import load as load_config

    made = make_scene(load_config(SMALL[0], SMALL[1:]))
    np.testing.assert_array_equal(held.images.values, simulate(made, indices, Views(2)).images.numpy())
    code, out, err = said(["simulate", *SMALL, "--count", 8, "--out", folder, "--views", 2], capsys)
    assert code == 2 and out == "" and "start is 0, was" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", *SMALL, "--count", 4, "--out", "{}/x", "--format", "zar"], 'Did you mean "zarr"'),
        (["simulate", *SMALL, "--count", 4, "--out", "{}/x", "--split", "tests"], 'Did you mean "test"'),
        (["simulate", *SMALL, "--count", 4, "--out", "{}/x", "--redraw", "sources"], 'Did you mean "source"'),
        (["simulate", "dmo", "--count", 4, "--out", "{}/x"], 'Did you mean "demo"'),
        (["extend", "{}", "--count", 4], "no dataset of LenStream"),
        (["extend", "{}/x", "--count", 4], "no such folder"),
    ],
)
def test_mistakes_are_a_sentence_each(tmp_path, capsys, arguments, words):
    code, out, err = said([str(a).format(tmp_path) if "{}" in str(a) else a for a in arguments], capsys)
    assert code == 2 and out == "" and words in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_the_scene_is_made_once(tmp_path, capsys, monkeypatch):
    real, made = scene._read_all_galaxies, []

    def count(config, *rest):
        made.extend([config] if config.source else [])
        return real(config, *rest)

    monkeypatch.setattr(scene, "_read_all_galaxies", count)
    command = ["simulate", *SMALL, "simulate.image.num_pix=18", "--count", 4, "--out", tmp_path / "set"]
    assert said(command, capsys)[0] == 0
    assert len(made) == 1


def test_help_names_every_format(capsys):
    _, out, _ = said(["simulate", "--help"], capsys)
    words = " ".join(out.split())
    assert all(name in words for name in FORMATS)


@pytest.mark.slow
def test_killed_again_and_again_every_sample_is_there_once(tmp_path, capsys):
    command = [
        sys.executable,
        "-m",
        "lenstream.run_pipeline",
        "simulate",
        "w1",
        "--count",
        "20000",
        "--workers",
        "2",
    ]
    generator = np.random.default_rng(7)
    for _ in range(4):
        process = subprocess.Popen([*command, "--out", str(tmp_path / "set")], stderr=subprocess.DEVNULL)
        time.sleep(generator.uniform(4, 15))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([*command, "--out", str(tmp_path / "set")], check=True, capture_output=True)
    subprocess.run([*command[:-2], "--out", str(tmp_path / "unbroken")], check=True, capture_output=True)
    description = load(tmp_path / "set")
    assert is_finished(tmp_path / "set", description)
    assert read_entries(tmp_path / "set") == read_entries(tmp_path / "unbroken")
    for entry in read_entries(tmp_path / "set").values():
        for name in entry.files:
            assert (tmp_path / "set" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()


def test_verify_and_repair_say_what_is_left(tmp_path, capsys):
    folder = tmp_path / "set"
    assert said(["simulate", *SMALL, "--count", 4, "--out", folder], capsys)[0] == 0
    assert said(["verify", folder], capsys)[:2] == (0, f"{folder}: all is well\n")
    assert said(["repair", folder], capsys)[:2] == (0, f"{folder}: all is well, nothing to repair\n")
    (folder / "notes.txt").write_text("mine")
    (folder / "theta_E" / "c" / "0").unlink()
    code, out, err = said(["verify", folder], capsys)
    assert f"lenstream repair {folder}" in err
    assert code == 2 and [line.split()[0] for line in out.splitlines()] == ["what", "missing", "foreign"]
    code, out, _ = said(["repair", folder, "--accept"], capsys)
    assert code == 2 and out.splitlines() == [
        "shard 0: restored, byte by byte",
        "left: notes.txt: not of this dataset; --remove-foreign deletes it",
    ]
    assert (folder / "notes.txt").read_text() == "mine"
    code, out, _ = said(["repair", folder, "--remove-foreign"], capsys)
    assert code == 0 and not (folder / "notes.txt").exists()


def test_a_part_deletes_nothing(tmp_path, capsys):
    part = ["simulate", *SMALL, "--count", 4, "--out", tmp_path / "set", "--part", "1/2"]
    assert said(part, capsys)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}
    code, _, err = said([*part, "--overwrite"], capsys)
    assert code == 2 and "--overwrite deletes what other parts have written" in err
    assert {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()} == before
