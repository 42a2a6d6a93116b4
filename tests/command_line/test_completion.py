"""Completion in the shell: which words are offered, that bash takes them, and that nothing slow is imported for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from lenstream.command_line import completion
from lenstream.errors import LenStreamError
from lenstream.run_pipeline import app, main


def offered(*words):
    """The words that are offered for the last of some."""
    return [line.partition("\t")[0] for line in completion.complete(list(words), typer.main.get_command(app))]


@pytest.mark.parametrize(
    ("words", "among"),
    [
        ([""], ["run", "pretrain", "recipes"]),
        (["re"], ["recipes"]),
        (["run", "de"], ["demo", "deeplense_model_1"]),
        (["run", "demo", "se"], ["seed="]),
        (["run", "demo", "pretrain.acc"], ["pretrain.accumulate=", "pretrain.accelerator="]),
        (["run", "demo", "pretrain.back"], ["pretrain.backbone."]),
        (["run", "demo", "simulate.lens_mass."], ["simulate.lens_mass.0."]),
        (["run", "demo", "simulate.lens_mass.0.theta"], ["simulate.lens_mass.0.theta_E="]),
        (["run", "demo", "pretrain.encoders.mine.opt"], ["pretrain.encoders.mine.optimizer="]),
        (["run", "demo", "pretrain.accelerator=c"], ["pretrain.accelerator=cpu", "pretrain.accelerator=cuda"]),
        (["run", "demo", "pretrain.accelerator", "=", "c"], ["cpu", "cuda"]),  # as bash cuts it
        (["run", "demo", "pretrain.accelerator", "="], ["auto", "cpu", "cuda", "mps"]),
        (["run", "--sc"], ["--scale"]),
        (["run", "demo", "--scale", ""], ["full", "tiny"]),
        (["predict", "--frame", "n"], ["north_east"]),
        (["config", "--keys", "evaluate.li"], ["evaluate.limit="]),
    ],
)
def test_what_may_come_next_is_offered(words, among):
    assert set(among) <= set(offered(*words))
    last = "" if words[-1] == "=" else words[-1]
    assert all(word.startswith(last) for word in offered(*words))


def test_what_cannot_be_known_is_left_to_the_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert offered("predict", "--run", "") == offered("run", "demo", "nonsense") == []
    (tmp_path / "mine.yaml").write_text("seed: 1")
    assert offered("run", "mi") == ["mine.yaml"]


@pytest.mark.parametrize("shell", completion.SCRIPTS)
def test_a_script_is_shown_and_installed_once(tmp_path, monkeypatch, capsys, shell):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_text("alias a=b")  # without an end of line
    for arguments in (["--show-completion", shell], *[["--install-completion", shell]] * 2):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
    printed = capsys.readouterr().out
    path = printed.splitlines()[-1]
    assert printed.startswith(Path(path).read_text()) and str(tmp_path) in path
    assert (tmp_path / ".bashrc").read_text().splitlines()[0] == "alias a=b"
    assert (tmp_path / ".bashrc").read_text().count("source") == (shell == "bash")


def test_an_unknown_shell_is_refused():
    with pytest.raises(LenStreamError, match="expected bash, zsh, fish"):
        completion.script("tcsh")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_a_key_and_loads_nothing_slow(tmp_path):
    program = tmp_path / "lenstream"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom lenstream.run_pipeline import main\ntry:\n    main()\nfinally:\n"
        f"    open({str(tmp_path / 'loaded')!r}, 'w').write(' '.join(sys.modules))\n"
    )
    program.chmod(0o755)
    script = (
        f"{completion.script('bash')}\nCOMP_WORDS=(lenstream run demo pretrain.st); COMP_CWORD=3\n"
        '_lenstream 2>/dev/null; echo "${COMPREPLY[@]}"\n'
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert shown.stdout == "pretrain.steps=\n", shown.stderr
    loaded = set((tmp_path / "loaded").read_text().split())
    assert not loaded & {"torch", "numba", "scipy", "pandas", "astropy", "matplotlib"}
