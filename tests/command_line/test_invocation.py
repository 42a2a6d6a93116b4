"""What every call of the command line keeps: quick answers, help, how loud it is, and outputs that take nothing."""

import errno
import io
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

from lenstream.run_pipeline import main

from ..calling import lenstream, said_in_process

ROOT = Path(__file__).resolve().parents[2]
NUMERICAL = {"numba", "matplotlib", "numpy", "scipy", "pandas", "astropy"}


def test_a_mistake_in_a_config_is_answered_before_the_slow_imports(tmp_path):
    code = "import sys; from lenstream.run_pipeline import main\n"
    code += "try: main(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
    for command in ("run", "pretrain", "evaluate", "preview"):
        arguments = [sys.executable, "-c", code, command, "demo", "pretrain.bach_size=3"]
        result = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 2 and "batch_size" in result.stderr
        assert result.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        (["--help"], NUMERICAL | {"torch", "pydantic"}),
        (["--version"], NUMERICAL | {"torch", "pydantic"}),
        (["run", "--help"], NUMERICAL | {"torch"}),
        (["config", "--show", "demo"], {"numba", "torch", "timm", "lightly", "matplotlib", "pandas", "astropy"}),
        (["cite", "demo"], {"numba", "torch", "timm", "lightly", "matplotlib", "pandas", "astropy"}),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_needs_no_slow_import_has_none(tmp_path, arguments, slow):
    code = "import sys; from lenstream.run_pipeline import main\n"
    code += "try: main(sys.argv[1:])\nfinally: print('loaded', *sys.modules)"
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.splitlines()[-1].split())
    assert "lenstream.run_pipeline" in loaded
    assert not loaded & slow


def test_the_version_is_that_of_the_project(tmp_path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert lenstream("--version", cwd=tmp_path).stdout == f"lenstream {version}\n"


def test_without_a_command_it_says_which_there_are_in_whole_sentences(tmp_path):
    shown = lenstream(cwd=tmp_path).stderr
    assert shown.startswith("Usage: ")
    commands = shown[shown.index("Commands:") :].partition("\n\n")[0].splitlines()[1:]
    assert len(commands) >= 8 and all(line.endswith(".") and not line.endswith("...") for line in commands)
    begun = shown[shown.index("To begin:") :].splitlines()[1:4]
    assert all(line.strip().startswith("lenstream ") for line in begun)
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("command", ["run", "predict", "preview", "config", "recipes", "cite"])
def test_help_fits_80_columns_however_it_is_asked_for(capsys, command):
    asked = [said_in_process(words, capsys) for words in ([command, "-h"], [command, "--help"], ["help", command])]
    assert asked[0] == asked[1] == asked[2] and asked[0][0] == 0
    assert max(map(len, asked[0][1].splitlines())) <= 80


@pytest.mark.parametrize("place", [0, 1, 3])
def test_quiet_leaves_results_and_errors_only(tmp_path, monkeypatch, capsys, place):
    monkeypatch.chdir(tmp_path)
    words = ["config", "tiny", "simulate.image.pixel_scale=2"]  # which is unusual, and warned of
    spoken = said_in_process(words, capsys)
    assert spoken[0] == 0 and "nothing is wrong" in spoken[2]
    assert said_in_process([*words[:place], "-q", *words[place:]], capsys) == (0, spoken[1], "")
    code, out, err = said_in_process(["-q", "config", "tiny", "sed=1"], capsys)
    assert (code, out) == (2, "") and 'Did you mean "seed"?' in err


def test_verbose_says_what_is_read(capsys):
    code, out, err = said_in_process(["config", "--show", "tiny", "-v"], capsys)
    assert code == 0 and "tiny.yaml" in err and "ms  reading" in err and "reading" not in out
    assert "reading" not in said_in_process(["config", "--show", "tiny"], capsys)[2]


def test_quiet_and_verbose_together_are_refused(capsys):
    assert said_in_process(["recipes", "-q", "-v"], capsys)[0] == 2


def test_recipes_has_a_line_for_each(capsys):
    code, out, _ = said_in_process(["recipes"], capsys)
    from lenstream.configs.recipes import available

    assert code == 0
    for name in available():
        assert sum(line.split()[:1] == [name] for line in out.splitlines()) == 1, name


def test_keys_are_listed_with_all_that_is_known_of_them(capsys):
    code, out, _ = said_in_process(["config", "--keys", "pretrain.batch"], capsys)
    assert code == 0
    assert out == "pretrain.batch_size: 128  # systems a step, over all ranks [systems]; whole number >= 2\n"
    assert "auto, cpu, cuda, mps" in said_in_process(["config", "pretrain.acc", "--keys"], capsys)[1]
    assert 'Did you mean "num_pix"?' in said_in_process(["config", "--keys", "numpix"], capsys)[2]


@pytest.mark.parametrize("command", ["config --show demo", "cite", "--version", "--help"])
def test_an_output_that_is_full_is_one_sentence(tmp_path, command):
    with open("/dev/full", "w") as full:
        run = [sys.executable, "-m", "lenstream.run_pipeline", *command.split()]
        result = subprocess.run(run, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "lenstream: the output cannot be written or read: No space left on device\n"


def test_who_reads_the_output_may_leave_early(tmp_path):
    command = f"{sys.executable} -u -m lenstream.run_pipeline cite | head -n 1"
    result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert len(result.stdout.splitlines()) == 1 and result.stderr == ""


def test_a_terminal_without_the_letters_still_gets_the_output(monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr("lenstream.command_line.invocation._followed", lambda *_: print("1.20\N{PLUS-MINUS SIGN}0.03"))
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 0 and shown.buffer.getvalue() == b"1.20\\xb10.03\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), "runs/a cannot be written or read: No space left"),
        (
            PermissionError(errno.EACCES, "Permission denied", "runs/b"),
            "runs/b cannot be written or read: Permission",
        ),
    ],
)
def test_what_the_system_refuses_is_one_sentence(monkeypatch, capsys, error, said):
    def fail(*_):
        warnings.warn("of a library, to programmers", RuntimeWarning, stacklevel=1)
        raise error

    monkeypatch.setattr("lenstream.command_line.invocation._followed", fail)
    with pytest.raises(SystemExit) as stopped:
        main([])
    printed = capsys.readouterr()
    assert stopped.value.code == 1 and printed.out == ""
    assert printed.err.startswith(f"lenstream: {said}") and len(printed.err.splitlines()) == 1
