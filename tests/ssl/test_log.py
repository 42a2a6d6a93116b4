"""Logs: continued from the step resumed from, readable after a crash."""

from pathlib import Path

import pytest

from lenstream.ssl.log import Log, read_log


def test_lines_after_the_step_resumed_from_are_dropped(tmp_path):
    log = Log(tmp_path, 0)
    for step in (2, 4, 6):
        log.write({"step": step, "loss": 1.0 / step})
    log.close()
    log = Log(tmp_path, 4)
    log.write({"step": 6, "loss": 0.5})
    log.close()
    assert [(r["step"], r["loss"]) for r in read_log(tmp_path / "metrics.jsonl")] == [(2, 0.5), (4, 0.25), (6, 0.5)]


def test_a_line_cut_off_by_a_crash_is_left(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 2, "loss": 1.0}\n{"step": 4, "lo')
    assert read_log(path) == [{"step": 2, "loss": 1.0}]
    Log(tmp_path, 2).close()
    assert path.read_text() == '{"step": 2, "loss": 1.0}\n'


def test_no_file_is_no_records(tmp_path):
    assert read_log(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize(
    "damaged", [b"\xff\xfe\n", b"5\n", b"[1]\n", b"{}\n", b'{"step": "x"}\n', b"null\n", b"\0" * 9]
)
def test_a_damaged_log_is_kept_up_to_the_damage(tmp_path, damaged):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 2, "loss": NaN}\n' + damaged + b'{"step": 4, "loss": 1.0}\n')
    assert [r["step"] for r in read_log(path)] == [2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_of_the_log(tmp_path):
    log = Log(tmp_path, 0)
    log.path = Path("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        log.write({"step": 2, "loss": 1.0})
    assert caught.value.filename == "/dev/full"
    log.close()
