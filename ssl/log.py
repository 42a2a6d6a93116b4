"""Write the log of a training: JSON lines for people and programs, events for TensorBoard."""

import json
from pathlib import Path

from ..files.whole import naming, write_text
from . import monitors


class Log:
    """metrics.jsonl and TensorBoard events of one encoder; lines after the step resumed from are dropped."""

    def __init__(self, folder, step):
        from torch.utils.tensorboard import SummaryWriter

        self.path = folder / "metrics.jsonl"
        kept = [r for r in read_log(self.path) if r["step"] <= step]
        write_text(self.path, "".join(json.dumps(r) + "\n" for r in kept))
        with naming(folder / "tensorboard"):
            self.writer = SummaryWriter(folder / "tensorboard", purge_step=step)

    def write(self, record):
        """Append one record: a dict of numbers with the key step."""
        with naming(self.path), self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        with naming(self.writer.log_dir):
            for name, value in record.items():
                if name != "step":
                    self.writer.add_scalar(name, value, record["step"])
            self.writer.flush()  # a training that is stopped ends without closing it

    def close(self):
        """Finish the event file."""
        with naming(self.writer.log_dir):
            self.writer.close()


def read_log(path):
    """The records of a metrics.jsonl as a list of dicts, up to a line cut off by a crash; empty if there is no file."""
    path, records = Path(path), []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
            if not all(isinstance(value, int | float) for value in (record["step"], *record.values())):
                break
        except (ValueError, TypeError, KeyError, AttributeError):
            break
        records.append(record)
    return records


def in_words(record, scores):
    """A line of the log for a progress bar. Args: record: of `Log.write`. scores: of `probe.probe`, or empty."""
    words = [
        f"loss {record['loss']:.3f}",
        f"{record['images_per_s']:.0f} images/s",
        f"{record['wait_share']:.0%} waiting for data",
    ]
    if monitors.collapsed(record):
        words.append("COLLAPSED")
    shown = [f"{name.removeprefix('ridge/')} {value:.2f}" for name, value in scores.items() if "ridge" in name]
    return " · ".join(words + ([f"probe {' '.join(shown)}"] if shown else []))
