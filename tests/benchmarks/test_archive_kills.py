"""The benchmark that kills, fills and damages datasets finds nothing wrong in a small version of itself."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "archive_kills.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (["--count", "400", "--kills", "4", "--full-disks", "1", "--flips", "0"], ["4 SIGKILLs", "full disk"]),
        (["--kills", "0", "--full-disks", "0", "--flips", "16"], ["16 flipped bits", "5 clean datasets"]),
    ],
)
def test_nothing_goes_wrong(options, rows):
    pytest.importorskip("distributed")
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"| {row} |" in done.stdout for row in rows) and "0 wrong" in done.stdout
