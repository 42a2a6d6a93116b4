"""The command compare: what it writes, the page, and runs that are old, damaged, unfinished or named oddly."""

import re
import shutil

import pandas as pd
import pytest
from PIL import Image

from lenstream.configs.load import load
from lenstream.run_pipeline import main
from lenstream.runs import RunFolder, begin

from . import chromium
from .small_run import FEW, evaluated


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders: a and better share test lenses, brighter has others."""
    place = tmp_path_factory.mktemp("runs")
    evaluated(place, name="a", error=0.5)
    evaluated(place, "pretrain.steps=9", name="better", error=0.1)
    evaluated(place, "simulate.observation.exposure_time=4000", name="brighter")
    return place


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


@pytest.fixture(scope="module")
def compared(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared")
    odd = runs / "odd <b>$x$"
    shutil.copytree(runs / "a", odd)
    with pytest.raises(SystemExit) as ended:
        main(["compare", *map(str, (runs / "a", runs / "better", runs / "brighter", odd)), "--out", str(out)])
    assert ended.value.code == 0
    return out


def test_files_and_page_hold_all_runs(compared):
    table = pd.read_csv(compared / "comparison.csv")
    assert list(dict.fromkeys(table["run"])) == ["a", "better", "brighter", "odd <b>$x$"]
    assert len(table) == 4 * 3 * 2 and table["theta_E/r2"].notna().all()
    for name in ("comparison.png", "comparison_dark.png", "differences.png", "differences_dark.png"):
        assert Image.open(compared / name).width > 400, name
    page = (compared / "compare.html").read_text()
    assert "<b>$x$" not in page and "odd &lt;b&gt;$x$" in page and 'src="http' not in page
    assert "pretrain.steps" in page and "pretrain.batch_size" not in page
    assert len(page) < 2_000_000


def test_scores_on_shifted_test_lenses_have_a_table_of_their_own(runs, tmp_path, capsys):
    shutil.copytree(runs / "a", tmp_path / "b")
    rows = (tmp_path / "b" / "results.csv").read_text().splitlines()
    shifted = [f"regression,lensiam,ridge,40,0,{t},r2,0.25,wider_psf" for t in ("theta_E", "e1")]
    text = "\n".join([rows[0] + ",shift", *(row + "," for row in rows[1:]), *shifted]) + "\n"
    (tmp_path / "b" / "results.csv").write_text(text)
    code, out, _ = called(capsys, "compare", runs / "a", tmp_path / "b", "--out", tmp_path / "out")
    assert code == 0
    assert re.search(
        r"R2, mean over theta_E, e1, on shifted test lenses, with 40 labels\n.*wider_psf\n-+\nb lensiam", out
    )
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "Other images than in the training" in page and '<th scope="col">wider psf</th>' in page
    assert "0.25" not in (tmp_path / "out" / "comparison.csv").read_text()  # which has lenses as in the training


def test_refined_estimates_of_all_runs_are_in_one_table(runs, tmp_path, capsys):
    for name, ratio in (("b", 1.25), ("c", 2.5)):
        shutil.copytree(runs / "a", tmp_path / name)
        known = {"error_over_limit": ratio, "rmse": 0.01, "coverage_68": 0.6, "coverage_95": 0.9}
        rows = [f"regression,lensiam,refined,40,0,theta_E,{metric},{value}" for metric, value in known.items()]
        rows += [f"regression,lensiam,refined,40,0,all,{m},0.5" for m in ("within_3_limits", "trusted", "seconds")]
        with open(tmp_path / name / "results.csv", "a") as file:
            file.write("\n".join(rows) + "\n")
    arguments = "compare", runs / "a", tmp_path / "b", tmp_path / "c", "--out", tmp_path / "out"
    code, out, _ = called(capsys, *arguments)
    assert (
        code == 0 and re.search(r"\nb, lensiam +- +50% +- +1\.25 ", out) and re.search(r"\nc, lensiam .* 2\.50 ", out)
    )
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "Estimates refined by the simulator" in page and '<td data-value="1.25">1.25</td>' in page
    assert "refined" not in (tmp_path / "out" / "comparison.csv").read_text()  # which has heads
    assert "Refined by" not in called(capsys, "compare", runs / "a", "--out", tmp_path / "out")[1]
    assert "refined by" not in (tmp_path / "out" / "compare.html").read_text()


@chromium.needed
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_sorts_its_tables_and_fits_a_phone(compared, dark):
    with chromium.start((compared / "compare.html").as_uri(), size=(390, 844), dark=dark) as page:
        column = "[...document.querySelector('table.sortable').tBodies[0].rows].map(r => +r.cells[4].dataset.value)"
        click = "document.querySelector('table.sortable').tHead.rows[0].cells[4].querySelector('button').click()"
        page.evaluate(click)
        falling = page.evaluate(column)
        page.evaluate(click)
        assert falling == sorted(falling, reverse=True) and page.evaluate(column) == falling[::-1]
        wide = "[...document.body.querySelectorAll('*')].filter(e => !e.closest('.wide') && e.checkVisibility())"
        assert page.evaluate(f"{wide}.filter(e => e.getBoundingClientRect().right > innerWidth + 1).length") == 0
        shown = "[...document.querySelectorAll('figure img')].filter(e => e.checkVisibility()).map(e => e.className)"
        assert set(page.evaluate(shown)) == {"dark" if dark else "light"}
        assert page.problems == []


def test_what_is_comparable_is_compared_and_the_rest_is_said(runs, tmp_path, capsys):
    code, out, err = called(capsys, "compare", runs / "a", runs / "better", runs / "brighter", "--out", tmp_path / "o")
    assert code == 0
    assert "brighter and a are not comparable: another simulation: simulate.observation.exposure_time" in err
    assert "better and a" not in err
    head = next(line for line in out.splitlines() if line.startswith("run "))
    assert "theta_E R2" in head and "e1 R2" in head and out.count("\nbetter ") == 6
    page = (tmp_path / "o" / "compare.html").read_text()
    assert re.search(r"class=\"clear\">\+0\.\d+ \[\+0", page)  # half the error is clearly better
    assert out.splitlines()[-1].startswith(
        f"wrote {tmp_path / 'o' / 'compare.html'}, comparison.csv and comparison.png"
    )


def test_unfinished_damaged_old_and_repeated_runs(runs, tmp_path, capsys):
    begin(RunFolder(tmp_path / "begun"), load("tiny", FEW))
    begin(RunFolder(tmp_path / "only"), load("tiny", [*FEW[:2], "evaluate=null"]))
    for name in ("old", "lost", "a"):
        shutil.copytree(runs / "better", tmp_path / name)
    (tmp_path / "old" / "config.yaml").write_text("name: old\nno_such_key: 3\n")
    (tmp_path / "old" / "SHA256SUMS").unlink()
    (tmp_path / "lost" / "evaluation.npz").unlink()
    given = [runs / "a", runs / ".." / runs.name / "a", *(tmp_path / n for n in ("begun", "only", "old", "lost", "a"))]
    code, _, err = called(capsys, "compare", *given, "--out", tmp_path / "o")
    assert code == 0 and "Traceback" not in err
    for said in (
        "/a is named twice, and counted once",
        "begun is not evaluated yet, so it has no scores and is left out",
        "only only pre-trains, so it has no scores",
        "the config of old cannot be read",
        "the predictions of lost cannot be read",
        "are not comparable: what old was judged by is not known",
    ):
        assert said in err, said
    table = pd.read_csv(tmp_path / "o" / "comparison.csv")
    assert set(table["run"]) == {str(runs / "a"), "old", "lost", str(tmp_path / "a")}  # two are called a


def test_no_run_and_no_scores_are_one_sentence(tmp_path, capsys):
    begin(RunFolder(tmp_path / "begun"), load("tiny", FEW))
    for given, said in ((tmp_path / "none", "no such run"), (tmp_path / "begun", "none of the runs has scores")):
        code, out, err = called(capsys, "compare", given, "--out", tmp_path / "o")
        assert code == 2 and out == "" and said in err and err.count("\n") == 1
        assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("out", ["notes.txt", "notes.txt/deep/er"])
def test_a_file_where_the_folder_is_to_be_is_one_sentence(runs, tmp_path, capsys, out):
    (tmp_path / "notes.txt").write_text("mine")
    for command in (["compare", runs / "a"], ["similar", tmp_path / "x.fits", "--run", runs / "a"]):
        code, printed, err = called(capsys, *command, "--out", tmp_path / out)
        assert code == 2 and printed == "" and err.count("\n") == 1
        assert f"--out {tmp_path / out}: {tmp_path / 'notes.txt'} is a file; expected a folder to write to" in err
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_one_run_alone_is_a_table_of_it(runs, tmp_path, capsys):
    code, out, _ = called(capsys, "compare", runs / "a", "--out", tmp_path / "o")
    assert code == 0 and "wrote" in out and not (tmp_path / "o" / "differences.png").exists()
    assert "In nothing but their names" in (tmp_path / "o" / "compare.html").read_text()
