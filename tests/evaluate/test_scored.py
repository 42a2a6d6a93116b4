"""Units of an evaluation: what is done is known by its checksums, what is damaged is not done."""

import numpy as np
import pytest
import torch

from lenstream.evaluate.results import Score
from lenstream.evaluate.scored import Unit, scores_of_done, write_done
from lenstream.files.whole import write_arrays
from lenstream.ssl import checkpoint

DAMAGES = {
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("text", ['[["regression", "lensiam", "ridge", 20, 0, "e1", "r2", 0.5]]', "", '[{"task": 1}]'])
def test_what_was_left_in_another_form_is_judged_anew(tmp_path, text):
    unit = Unit("lensiam", "ridge", 20, 0)
    assert scores_of_done(unit, tmp_path) is None
    (tmp_path / f"{unit.name()}.json").write_text(text)
    assert scores_of_done(unit, tmp_path) is None


@pytest.mark.parametrize("suffix", [".json", ".npz", ".safetensors"])
@pytest.mark.parametrize("damage", [*DAMAGES, "missing", "another's"])
def test_a_unit_with_a_damaged_file_is_not_done(tmp_path, suffix, damage):
    units = [Unit("lensiam", "ridge", 40, seed) for seed in (0, 1)]
    for k, unit in enumerate(units):
        checkpoint.save(tmp_path / f"{unit.name()}.safetensors", {"w": torch.full((3,), float(k))})
        write_arrays(tmp_path / f"{unit.name()}.npz", {"e1": np.full(3, k)})
        scores = [Score("regression", "lensiam", "ridge", 40, unit.seed, "e1", "r2", value) for value in (0.5, np.nan)]
        write_done(unit, scores, tmp_path)
        assert repr(scores_of_done(unit, tmp_path)) == repr(scores)
    path, other = (tmp_path / f"{unit.name()}{suffix}" for unit in units)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(other.read_bytes() if damage == "another's" else DAMAGES[damage](path.read_bytes()))
    assert scores_of_done(units[0], tmp_path) is None
    assert scores_of_done(units[1], tmp_path) is not None


def test_scores_on_a_shifted_test_set_are_a_unit_of_their_own(tmp_path):
    plain, shifted = Unit("a", "ridge", 40, 0), Unit("a", "ridge", 40, 0, "wider_psf")
    assert plain.name() != shifted.name()
    score = Score("regression", "a", "ridge", 40, 0, "e1", "r2", 0.5, "wider_psf")
    write_done(shifted, [score], tmp_path)
    assert scores_of_done(shifted, tmp_path) == [score] and scores_of_done(plain, tmp_path) is None
    (tmp_path / f"{shifted.name()}.json").rename(tmp_path / f"{plain.name()}.json")
    assert scores_of_done(plain, tmp_path) is None  # of another test set
