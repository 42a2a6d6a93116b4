"""Signals: at every stage one sentence and the code that shells expect; a second one ends at once."""

import filecmp
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lenstream import signals
from lenstream.progress import Stopped
from lenstream.signals import stopping

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for other processes")
TIMEOUT = 120  # seconds: for a busy machine

STAGES = """
import hashlib, signal, sys, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor
from lenstream import run_pipeline, signals
from lenstream.progress import Stopped
from lenstream.signals import stopping

def ready():
    print("ready", flush=True)

def native():  # lets other threads run, but no handler of the main one
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

def nothing_to_save():
    ready()
    time.sleep(1000)

def saves():
    with stopping() as stop:
        ready()
        while not stop():
            time.sleep(0.01)
        raise Stopped("stopped at step 7")

def saves_for_long():
    with stopping() as stop:
        ready()
        time.sleep(1000)

def does_not_ask_again():
    with stopping() as stop:
        ready()
        while not stop():
            time.sleep(0.01)

def native_code():
    threading.Timer(1, ready).start()  # when it is at work
    native()

def waits_for_a_thread():
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(native)
        ready()
        future.result()

def thread_that_is_left():
    threading.Thread(target=native).start()
    nothing_to_save()

def swallowed():
    try:
        nothing_to_save()
    except BaseException:
        pass

def another_error():
    try:
        nothing_to_save()
    except BaseException:
        raise RuntimeError("of a library")

def in_a_callback():
    class Callback:
        def __del__(self):
            nothing_to_save()
    Callback()
    time.sleep(1000)

def ignored_by_the_parent():
    nothing_to_save()

signals.PATIENCE = 0.5
stage = sys.argv.pop(1)
if stage == "ignored_by_the_parent":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
run_pipeline.app.command("work", context_settings={"allow_extra_args": True})(globals()[stage])
sys.argv.insert(1, "work")
run_pipeline.main()
"""


def start(stage, *arguments):
    """A process that is at a stage of the command line."""
    command = [sys.executable, "-c", STAGES, stage, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def end(process):
    """Exit code and stderr."""
    try:
        _, said = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert "Traceback" not in said
    return process.returncode, said


@pytest.mark.parametrize("number", signals.NUMBERS, ids=lambda n: n.name)
def test_each_signal_has_its_sentence_and_its_code(number):
    idle, saving = start("nothing_to_save"), start("saves")
    for process in (idle, saving):
        process.send_signal(number)
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    assert end(idle) == (128 + number, f"lenstream: interrupted by {name}\n")
    code, said = end(saving)
    assert code == 128 + number
    assert said.splitlines() == [
        "stopping: saving first (once more to stop at once)",
        "lenstream: stopped at step 7; the same command continues from here",
    ]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("does_not_ask_again", "stopped, all that was begun is done and saved; the same command continues from here"),
        ("waits_for_a_thread", "stopped at once by SIGTERM; what was saved before is kept"),
        ("thread_that_is_left", "interrupted by SIGTERM"),
        ("swallowed", "interrupted by SIGTERM"),
        ("another_error", "interrupted by SIGTERM"),
        ("in_a_callback", "stopped at once by SIGTERM; what was saved before is kept"),
    ],
)
def test_whatever_is_at_work_a_signal_ends_it(stage, said):
    process = start(stage)
    process.send_signal(signal.SIGTERM)
    code, printed = end(process)
    assert code == 143 and printed.splitlines()[-1] == f"lenstream: {said}"


@pytest.mark.parametrize("stage", ["saves_for_long", "native_code"])
def test_a_second_signal_ends_at_once(stage):
    process = start(stage)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("stopping")  # said also while native code runs
    process.send_signal(signal.SIGTERM)
    code, said = end(process)
    assert code == 143 and said == "lenstream: stopped at once by SIGTERM; what was saved before is kept\n"


def test_a_run_says_that_the_same_command_goes_on():
    process = start("nothing_to_save", "run", "demo")
    process.send_signal(signal.SIGHUP)
    said = "lenstream: interrupted by SIGHUP; the same command continues from what is saved\n"
    assert end(process) == (129, said)


def test_nohup_stays_in_force():
    process = start("ignored_by_the_parent")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 143


def handlers():
    return [signal.getsignal(number) for number in signals.NUMBERS]


def test_in_a_notebook_the_first_sets_a_flag_and_the_second_interrupts(capsys):
    before = handlers()
    with pytest.raises(KeyboardInterrupt), stopping() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        signal.raise_signal(signal.SIGINT)
    assert handlers() == before
    assert capsys.readouterr().err.count("stopping") == 1


def test_one_that_nobody_asked_for_is_not_swallowed():
    before = handlers()
    with pytest.raises(Stopped, match="all that was begun is done") as stopped, stopping():
        signal.raise_signal(signal.SIGTERM)
    assert handlers() == before and stopped.value.exit_code == 130
    with stopping() as stop:  # of the next run in this process
        assert not stop()


def test_errors_pass_through_both_blocks():
    with pytest.raises(ZeroDivisionError), signals.interrupting(), stopping():
        raise ZeroDivisionError
    before = handlers()
    with pytest.raises(signals.Interrupted), signals.interrupting():
        signal.raise_signal(signal.SIGTERM)
    assert handlers() == before
    with signals.interrupting(), stopping() as stop:
        assert not stop()


def test_other_threads_cannot_catch_signals_and_go_on():
    seen = []

    def work():
        with signals.interrupting(), stopping() as stop:
            seen.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}  # else threads of a busy machine wait for each other
RUN = ["run", "tiny", "evaluate.n_test=30"]
MOMENTS = {  # of a run: what is on stderr, or which file is there, when it is told to stop
    "imports": 1.5,
    "checks": 6.0,
    "pairs": "first picture",
    "training": "pre-training lensiam: 2/6",
    "between encoders": "pre-training lensiam: 6/6",
    "last encoder": "pre-training stream_supervised: 4/6",
    "evaluation": "evaluating: 8/40",
    "finetuning": "evaluating: 32/40",
    "limit": "information limit",
    "figures": "figures/predicted_vs_true.png",
    "umap": "figures/training_curves.png",
    "report": "figures/umap.png",
}


def stop_at(moment, number, runs):
    """Start the run, or go on with it, and send a signal at a moment: exit code and stderr."""
    command = [sys.executable, "-m", "lenstream.run_pipeline", *RUN, "--runs", str(runs)]
    process = subprocess.Popen(command, env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")))
    reader.start()
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() - begun < 300:
        if isinstance(moment, float):
            reached = time.monotonic() - begun > moment
        else:
            reached = (runs / "tiny" / moment).exists() or any(moment in line for line in lines)
        if reached:
            process.send_signal(number)
            break
        time.sleep(0.02)
    try:
        process.wait(TIMEOUT)
    finally:
        process.kill()
    reader.join()
    return process.returncode, "".join(lines)


@pytest.mark.slow
def test_a_run_that_is_stopped_at_every_stage_ends_as_one_never_stopped(tmp_path):
    import torch
    from safetensors.torch import load_file

    for k, (name, moment) in enumerate(MOMENTS.items()):
        number = signals.NUMBERS[k % len(signals.NUMBERS)]
        code, said = stop_at(moment, number, tmp_path / "stopped")
        assert "Traceback" not in said, name
        assert code == 128 + number, (name, code, said)
        assert said.splitlines()[-1].startswith("lenstream: ") and "the same command continues" in said, (name, said)
        assert not list(tmp_path.rglob("*.partial")), name
    for runs in ("stopped", "unbroken"):
        command = [sys.executable, "-m", "lenstream.run_pipeline", *RUN, "--runs", str(tmp_path / runs)]
        assert subprocess.run(command, env=ONE_THREAD, timeout=600, capture_output=True).returncode == 0
    wanted = [p for p in (tmp_path / "unbroken").rglob("*") if p.suffix in (".csv", ".npz", ".safetensors")]
    assert len(wanted) > 10
    for path in wanted:
        other = tmp_path / "stopped" / path.relative_to(tmp_path / "unbroken")
        if path.suffix == ".safetensors":
            one, two = load_file(path), load_file(other)
            assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one), path
        else:
            assert filecmp.cmp(path, other, shallow=False), path


@pytest.mark.slow
def test_ranks_of_torchrun_agree_to_stop(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "lenstream.run_pipeline"]
    command += ["pretrain", "tiny", "pretrain.steps=4000", "pretrain.checkpoint_every=100000"]
    process = subprocess.Popen(command, cwd=tmp_path, env=ONE_THREAD, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "runs" / "tiny" / "encoders" / "lensiam" / "metrics.jsonl"
    begun = time.monotonic()
    while not (log.exists() and log.stat().st_size) and time.monotonic() - begun < 200:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)  # torchrun passes it on to both
    _, said = process.communicate(timeout=TIMEOUT)
    steps = {line.split("at step ")[1].split()[0] for line in said.splitlines() if "stopped lensiam at step" in line}
    assert len(steps) == 1, said
    assert (log.parent / "checkpoint.safetensors").exists()
