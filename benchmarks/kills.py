"""Kill, starve and damage a tiny run, give the same command again, and compare with a run that nothing happened to.

    python benchmarks/kills.py [--kills 25] [--damages 40] [--full-disks 3]

Weights, predictors, results and arrays have to be the same, byte by byte; or the command has to refuse in one sentence,
and then, with the damaged file deleted as the sentence says, end with the same. Prints a table; the exit code is 1 if
something else happened. Full disks need Linux and `unshare`, which mounts small file systems without being root.
"""

import argparse
import contextlib
import importlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}  # processes are forked: no pool of threads before

import own_mounts

from lenstream import Views, draw, make_scene, pipeline, render, run_pipeline, runs
from lenstream.configs.load import load
from lenstream.evaluate import judge
from lenstream.evaluate.real import predict
from lenstream.evaluate.show import outputs, pairs
from lenstream.ssl import trainer

CHANGES = [
    "pretrain.encoders.simsiam=null",
    "pretrain.encoders.lensimclr=null",
    "pretrain.steps=4",
    "evaluate.umap=false",
    "evaluate.n_labels=[20]",
    "evaluate.n_test=20",
]
STAGES = {  # function -> stage that begins with it
    runs.begin: "begin",
    pairs.draw_pairs: "pairs",
    trainer.pretrain: "pre-training",
    judge.evaluate: "evaluation",
    outputs.draw_figures: "figures",
    outputs.write_report: "report",
    runs.finish: "finish",
    predict.predict_folder: "real lenses",
}
COMPARED = (
    "encoders/*/encoder.safetensors",
    "results.csv",
    "evaluation.npz",
    "predictor/*/*",
    "pairs.png",
    "config.yaml",
)
PACKAGE = str(Path(pipeline.__file__).parent)
FILLER = "filler"


def warm_up():
    """Load what every run needs, once for all processes that are forked from here: libraries and compiled kernels."""
    for name in ("bokeh.embed", "bokeh.models", "sklearn.linear_model", "timm", "torch.utils.tensorboard"):
        importlib.import_module(name)
    scene = make_scene(load("tiny", CHANGES).simulate, 3)
    render(scene, draw(scene, [0, 1], Views(2)), threads=1)


class Moment(NamedTuple):
    """A moment of a run: the n-th call of our functions, or of the system's rename, within a stage."""

    stage: str
    event: str  # "call" or "rename"
    number: int  # within the stage


class Watch:
    """Counts the calls of a run by stage, as its profile function; does something at one of them."""

    def __init__(self, at=None, action=None):
        self.at, self.action, self.stage, self.counts = at, action, "start", Counter()
        self.begins = {function.__code__: stage for function, stage in STAGES.items()}

    def __call__(self, frame, event, called):
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            if frame.f_code in self.begins:
                name = frame.f_locals.get("name", "")
                self.stage = f"{self.begins[frame.f_code]} {name}".strip()
            self._count("call")
        elif event == "c_call" and called.__name__ == "replace" and called.__module__ == "posix":
            self._count("rename")

    def _count(self, event):
        moment = Moment(self.stage, event, self.counts[self.stage, event])
        self.counts[self.stage, event] += 1
        if moment == self.at:
            self.action()


class Ended(NamedTuple):
    """How a command ended: its exit code, negative for a signal, and what it said on stderr."""

    code: int
    said: str


def command(folder, watch=None, seed=3):
    """`lenstream run tiny` in a process of its own, with its runs in a folder; `Ended`."""
    said = folder.parent / f"{folder.name}.stderr"
    process = os.fork()
    if process == 0:
        with open(said, "w") as file, open(os.devnull, "w") as nowhere:
            os.dup2(file.fileno(), 2)
            os.dup2(nowhere.fileno(), 1)
            sys.setprofile(watch)
            try:
                run_pipeline.main(["run", "tiny", *CHANGES, f"seed={seed}", "--runs", str(folder)])
            except SystemExit as end:
                sys.setprofile(None)
                if watch is not None and watch.action is None:
                    (folder / "counts").write_text(repr(dict(watch.counts)))
                os._exit(end.code)
            except BaseException as error:
                print(f"Traceback: {error!r}", file=sys.stderr, flush=True)
                os._exit(99)
    status = os.waitpid(process, 0)[1]
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"))


def results(folder):
    """Path -> bytes of what has to be the same."""
    run = folder / "tiny"
    return {p.relative_to(run).as_posix(): p.read_bytes() for pattern in COMPARED for p in run.glob(pattern)}


def differences(folder, expected):
    """The names of results that differ from the expected ones, or are missing, or are too many."""
    found = results(folder)
    return sorted(name for name in found | expected if found.get(name) != expected.get(name))


def is_sentence(ended):
    """Whether a command refused in one sentence."""
    lines = ended.said.strip().splitlines()
    own = [line for line in lines if line.startswith("lenstream: ")]
    return ended.code in (1, 2) and len(own) == 1 and lines[-1] == own[0] and "Traceback" not in ended.said


def moments(counts, wanted):
    """`wanted` moments over all stages of a run in turn, two of three at calls and one at a rename."""
    stages = list(dict.fromkeys(stage for stage, _ in counts))
    turns = Counter(itertools.islice(itertools.cycle(stages), wanted))
    for stage, n in turns.items():
        for k in range(n):
            event = "rename" if k % 3 == 1 and counts.get((stage, "rename")) else "call"
            yield Moment(stage, event, int(counts[stage, event] * (k + 0.5) / n))


def kill():
    """End this process as the system does: nothing is written any more."""
    os.kill(os.getpid(), signal.SIGKILL)


def after_a_kill(moment, folder, expected):
    """What a kill leads to, in words; None if all is as it should be."""
    killed = command(folder, Watch(moment, kill))
    if killed.code != -signal.SIGKILL:
        return f"not killed: exit {killed.code}"
    again = command(folder)
    if again.code != 0 or "Traceback" in again.said:
        return f"exit {again.code}: {again.said.strip()[-300:]}"
    left = [p.name for p in folder.rglob("*.partial")] + [p.name for p in folder.rglob(".lock")]
    different = differences(folder, expected) + left
    return f"differ: {', '.join(different)}" if different else None


def on_a_full_disk(moment, folder, expected):
    """What a disk that is full from a moment on leads to, in words; None if all is as it should be."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "none", str(folder)], check=True)

    def fill():
        with contextlib.suppress(OSError), open(folder / FILLER, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    try:
        full = command(folder, Watch(moment, fill))
        if not is_sentence(full) or "No space left" not in full.said:
            return f"exit {full.code}: {full.said.strip()[-300:]}"
        if left := [p.name for p in folder.rglob("*.partial")]:
            return f"left: {', '.join(left)}"
        (folder / FILLER).unlink()
        again = command(folder)
        different = differences(folder, expected)
        return f"exit {again.code}, differ: {', '.join(different)}" if again.code or different else None
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def flip(path, _):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def halve(path, _):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path, _):
    path.write_bytes(b"")


def exchange(path, other):
    path.write_bytes(other.read_bytes() if other.is_file() else b"another's")


def after_damage(state, name, damage, folder, other, expected):
    """What a damaged file in a copy of a run leads to: (in a few words, whether that is as it should be)."""
    shutil.copytree(state, folder)
    path = folder / "tiny" / name
    if not path.stat().st_size:
        return "empty anyway", True
    damage(path, other / "tiny" / name)
    ended = command(folder)
    if ended.code == 0 and "Traceback" not in ended.said:
        different = [n for n in differences(folder, expected) if n != name or "is finished" not in ended.said]
        return ("the same", True) if not different else (f"differ: {', '.join(different)}", False)
    if not is_sentence(ended):
        return f"exit {ended.code}: {ended.said.strip()[-300:]}", False
    for damaged in (name, "finished", "results.csv"):
        (folder / "tiny" / damaged).unlink(missing_ok=True)
    again = command(folder, seed=3)
    different = differences(folder, expected)
    if name == "config.yaml":
        return "refused", True  # what it was made from is not known any more
    said = ended.said.strip().splitlines()[-1]
    return (f"exit {again.code} after: {said}", False) if again.code or different else ("refused, then the same", True)


def spread(cases, n):
    """n of the cases, evenly."""
    return [cases[int(k * len(cases) / n)] for k in range(n)] if n < len(cases) else cases


def main():
    """Try all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--damages", type=int, default=40)
    parser.add_argument("--full-disks", type=int, default=3)
    own_mounts.add_option(parser)
    options = parser.parse_args()
    own_mounts.begin_again(options)
    with tempfile.TemporaryDirectory(prefix="lenstream-kills-") as place:
        sys.exit(1 if _all(Path(place), options) else 0)


def _all(place, options):
    """Try all in a folder; the number of cases that went wrong."""
    warm_up()
    reference = place / "reference"
    reference.mkdir()
    assert command(reference, Watch()).code == 0, "the run that nothing happens to failed"
    counts, expected, wrong = eval((reference / "counts").read_text()), results(reference), 0
    print("| what | when, or which file | result |\n|---|---|---|", flush=True)

    def say(what, which, result, fine):
        nonlocal wrong
        wrong += not fine
        print(f"| {what} | {which} | {result if fine else f'**{result}**'} |", flush=True)

    for k, moment in enumerate(moments(counts, options.kills)):
        result = after_a_kill(moment, place / f"killed{k}", expected)
        say("SIGKILL", f"{moment.stage}, {moment.event} {moment.number}", result or "the same", result is None)
        shutil.rmtree(place / f"killed{k}")
    at = [
        s
        for s in dict.fromkeys(stage for stage, _ in counts)
        if s.split()[0] in ("pre-training", "evaluation", "report")
    ]
    for k, stage in enumerate(spread([*at[:1], "evaluation", "report", *at[1:2]], options.full_disks)):
        if not options.in_namespace:
            say("full disk", stage, "not tried: no unshare", True)
            continue
        result = on_a_full_disk(Moment(stage, "call", counts[stage, "call"] // 3), place / f"full{k}", expected)
        say("full disk", stage, result or "refused, then the same", result is None)
    if options.damages:
        wrong += _damages(place, options.damages, counts, expected, say)
    print(f"\n{wrong} wrong")
    return wrong


def _damages(place, wanted, counts, expected, say):
    """Damage files of runs that were killed in different stages, and of a finished one."""
    states = {"finished": place / "reference"}
    for stage in ("pre-training stream_supervised", "evaluation", "report"):
        states[stage] = place / stage.split()[0]
        command(states[stage], Watch(Moment(stage, "call", int(0.7 * counts[stage, "call"])), kill))
    other = place / "other"
    command(other, seed=4)
    cases = [
        (stage, name, damage)
        for stage, state in states.items()
        for name in sorted(p.relative_to(state / "tiny").as_posix() for p in (state / "tiny").rglob("*") if p.is_file())
        if "tensorboard" not in name and name != ".lock"
        for damage in (flip, halve, empty, exchange)
    ]
    for k, (stage, name, damage) in enumerate(spread(cases, wanted)):
        result, fine = after_damage(states[stage], name, damage, place / f"damaged{k}", other, expected)
        say(f"{damage.__name__}, {stage}", name, result, fine)
        shutil.rmtree(place / f"damaged{k}")
    return 0


if __name__ == "__main__":
    main()
