"""The command inspect: what goes to stdout, the picture, and exit code 2 with one sentence for nonsense."""

import pytest

from lenstream.run_pipeline import main

from ..files.layouts import RunsCommand, cutouts, image, pickled, save


def called(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code


def test_results_go_to_stdout(tmp_path, capsys):
    assert called("inspect", cutouts(tmp_path / "mine"), "--out", tmp_path / "a.png") == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'mine'}: cut-outs in a sub-folder of lenses and one of others\n")
    assert "classes     lenses 4, nonlenses 4" in out.splitlines()
    assert "  batch_size: 4" in out.splitlines()
    assert err == ""
    assert (tmp_path / "a.png").is_file()


@pytest.mark.parametrize("name", ["absent", "empty", "text.txt", "broken.npy", "hostile"])
def test_nonsense_is_one_sentence(tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    save(tmp_path / "hostile" / "a.npy", image(0))
    pickled(tmp_path / "hostile" / "train.pkl", [RunsCommand(tmp_path / "ran")])
    assert called("inspect", tmp_path / name) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lenstream: ") and err.count("\n") == 1 and len(err) < 600
    assert not (tmp_path / "ran").exists()


def test_many_images_show_progress_on_stderr(tmp_path, capsys):
    save(tmp_path / "a.npy", image(0, 300, 16, 16))
    assert called("inspect", tmp_path) == 0
    out, err = capsys.readouterr()
    assert "256/256" in err and "256/256" not in out


def test_what_others_call_it(capsys):
    assert called("describe", "x") == 2
    assert 'Did you mean "lenstream inspect"?' in capsys.readouterr().err
