"""benchmarks/gpu.py as far as it goes without a GPU: missing packages, arithmetic, tables, parts."""

import importlib.util
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lenstream.ahead import Ahead
from lenstream.ssl import trainer

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))
import gpu  # noqa: E402
import gpu_parts  # noqa: E402
import gpu_training  # noqa: E402
import workloads  # noqa: E402

ROWS = [
    {"batch": 256, "rendered": 1e5, "drawn": 9e4, "memory": 5e7},
    {"batch": 4096, "rendered": 2e6, "drawn": 1e6, "memory": 8e8},
]
TRAINED = {"batch": 512, "memory": 20_000.0, "stream": 19_000.0, "files": 5_000.0, "waiting": 0.02, "idle": 0.031}
REPORT = {
    "machine": {"device": "GPU X", "memory_GB": 141.0, "CUDA of torch": "13.0", "driver": "580", "torch": "2.9"},
    "minutes": 8,
    "results": {
        "rendering W1": {"first_call": 12.34, "rows": ROWS},
        "peak": {"peak": 60e12, "operations": 3e6, "terms": 11.0},
        "training ResNet-18, 64 pixels": TRAINED,
        "training ViT-S/8, 64 pixels": TRAINED | {"idle": None},
        "agreement": {"W1": 3e-6, "W2": 4e-6},
        "peers caustics, torch": {"rate": 5e4, "batch": 1024},
        "peers JAXtronomy": {"absent": "not installed"},
    },
    "skipped": ["rendering W4"],
    "failed": {"rendering W3": "ValueError: no"},
}


def test_what_is_missing_is_named_in_one_line(monkeypatch, capsys):
    true, gone = importlib.util.find_spec, ("torch", "sklearn", "numba_cuda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else true(name))
    assert gpu.main([]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("not installed: scikit-learn, torch, numba-cuda; run: pip install 'scikit-learn>=")
    assert "'numba-cuda[cu13]>=" in line and "cu12" in line


def test_requirements_are_read_as_packages_and_modules():
    assert gpu.name_of("numba-cuda[cu13]>=0.20") == "numba-cuda"
    assert gpu.module_of("numba-cuda[cu13]>=0.20") == "numba_cuda"
    assert gpu.module_of("pyyaml>=6.0") == "yaml"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "lacking", lambda: [])
    assert gpu.main([]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert "finds no GPU" in line


def test_lenstream_is_found_in_the_checkout_where_it_is_not_installed():
    script = "import gpu; gpu.use_checkout(); import lenstream.errors; print(lenstream.errors.__file__)"
    command = [sys.executable, "-S", "-c", script]
    printed = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=True).stdout
    assert Path(printed.strip()) == BENCHMARKS.parent / "errors.py"


def test_a_part_that_fails_or_does_not_fit_leaves_the_others(monkeypatch, tmp_path):
    closed = []

    def plan(groups, folder, left):
        try:
            yield "peak", 1, lambda: {"peak": 1.0}
            yield "rendering W1", 1, lambda: 1 / 0
            yield "rendering W2", 10_000, lambda: {}
            yield "agreement", 1, lambda: {"W1": 0.0}
        finally:
            closed.append(True)

    monkeypatch.setattr(gpu_parts, "plan", plan)
    out = gpu.measure(gpu.GROUPS, tmp_path, time.monotonic() + 100)
    assert out["results"] == {"peak": {"peak": 1.0}, "agreement": {"W1": 0.0}}
    assert out["skipped"] == ["rendering W2"] and closed
    assert out["failed"] == {"rendering W1": "ZeroDivisionError: division by zero"}


def test_tables_say_what_was_measured():
    lines = gpu.document(REPORT)
    for line in [
        "| W1 | 256 | 100,000 | 90,000 | 0.05 GB | 12.3 s |",
        "| W1 | 4,096 | 2,000,000 | 1,000,000 | 0.80 GB |  |",
        "2,000,000 images/s of W1 are 6.00 TFLOP/s: **10.0 %** of it.",
        "| ResNet-18, 64 pixels | 512 | 20,000 | 19,000 | 0.95 | 3.1% | 2.0% | 5,000 |",
        "| ViT-S/8, 64 pixels | 512 | 20,000 | 19,000 | 0.95 | - | 2.0% | 5,000 |",
        "- W2: 4.0e-06",
        "| caustics, torch | 1,024 | 50,000 | 40.0 |",
        "| JAXtronomy | | not installed | |",
        "Not measured, for want of time: rendering W4.",
        "FAILED, rendering W3: ValueError: no",
    ]:
        assert line in lines, line
    assert "driver 580, CUDA 13.0, torch 2.9." in lines[2]
    assert json.loads(json.dumps(REPORT)) == REPORT


def test_tables_do_without_what_was_not_measured():
    few = {"peak": REPORT["results"]["peak"], "peers caustics, torch": {"rate": 5e4, "batch": 256}}
    for results in ({}, few):
        lines = gpu.document(REPORT | {"results": results, "skipped": [], "failed": {}})
        assert not any("W1 are" in line or "W2" in line for line in lines)


def test_idle_is_what_no_kernel_covers():
    intervals = [(3.0, 4.0), (0.0, 1.0), (0.5, 2.0), (0.6, 0.7)]
    assert gpu_training.idle_share(intervals, skipped=0.0) == pytest.approx(1 / 4)
    assert gpu_training.idle_share(intervals, skipped=0.25) == pytest.approx(1 / 3)
    assert gpu_training.idle_share([]) is None


def test_kernels_are_told_from_other_events_of_a_trace(tmp_path):
    events = [
        {"cat": "kernel", "ts": 10.0, "dur": 2.5},
        {"cat": "gpu_memcpy", "ts": 0.0, "dur": 50.0},
        {"cat": "cuda_runtime", "ts": 0.0, "dur": 50.0},
        {"ph": "M", "name": "process_name"},
    ]
    (tmp_path / "trace.json").write_text(json.dumps({"traceEvents": events}))
    assert gpu_training.kernel_intervals(tmp_path / "trace.json") == [(10.0, 12.5)]


def test_a_rate_waits_for_the_last_run_of_a_round():
    numbers, waited = itertools.count(), []
    assert gpu_parts.rate(lambda: next(numbers), 100, waited.append, seconds=0.0, rounds=2) > 0
    assert waited == [0, 1, 3, 5]


def test_the_answer_of_a_process_is_its_last_line():
    def process(script):
        return subprocess.Popen([sys.executable, "-c", script], stdout=-1, stderr=-1, text=True)

    assert gpu_parts.answer(process("print('talk'); print('{\"rate\": 2}')"), 60) == {"rate": 2}
    with pytest.raises(RuntimeError, match="its process ended: a reason"):
        gpu_parts.answer(process("raise SystemExit('a reason')"), 60)


def test_a_training_from_memory_gets_one_batch_again_and_again(monkeypatch):
    def stream(*arguments):
        return Ahead(lambda number: (*arguments, number), 1)

    monkeypatch.setattr(trainer, "open_data", stream)
    with gpu_training.from_memory(), trainer.open_data("config") as data:
        assert [next(data), next(data)] == 2 * [("config", 0)]
    assert trainer.open_data is stream


def test_a_training_is_timed_from_memory_the_stream_and_files():
    settings = {"every": 1, "profiled": 1, "n_files": 12}
    found = gpu_training.training("{name: test_resnet}", 32, 4, torch.device("cpu"), **settings)
    assert found["batch"] == 4 and found["idle"] is None and 0 <= found["waiting"] <= 1
    assert min(found["memory"], found["stream"], found["files"]) > 0


def test_parts_come_in_order_and_only_those_asked_for(tmp_path):
    names = [name for name, _, _ in gpu_parts.plan(("rendering", "peak", "training", "peers"), tmp_path, lambda: 60)]
    assert names[:3] == ["rendering W1", "peak", "training ResNet-18, 64 pixels"]
    assert {"rendering W4", f"rendering {gpu_parts.ADAPTIVE}", "peers JAXtronomy"} <= set(names)
    assert {name.split()[0] for name in names} < set(gpu.GROUPS)
    assert [name for name, _, _ in gpu_parts.plan(("peak",), tmp_path, lambda: 60)] == ["peak"]


@pytest.mark.gpu
def test_rates_and_the_peak_are_measured_on_a_gpu():
    scene, device = workloads.scene("w1"), torch.device("cuda")
    found = gpu_parts.rendering(scene, device, (64,), seconds=0.01)
    assert found["rows"][0]["rendered"] > 1000 and found["rows"][0]["memory"] > 64 * 64 * 64 * 4
    used = gpu_parts.use_of_the_peak(scene, device)
    assert 1e12 < used["peak"] < 1e15 and 1e6 < used["operations"] < 1e7
