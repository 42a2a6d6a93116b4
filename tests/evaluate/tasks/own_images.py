"""Small sets of labelled images in files, and configs that learn from them, for tests of several modules."""

import numpy as np

from lenstream.configs.load import load

SETTINGS = ["evaluate.n_labels=[20]", "evaluate.seeds=2", "evaluate.n_test=all"]


def save(folder, name, level=1.0, seed=0):
    """An image of noise around a level."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.random.default_rng([seed, *name.encode()]).normal(level, 0.1, (16, 16)).astype(np.float32))


def rings(folder, n=60, seed=0):
    """n images r000.npy, ... whose level is theta, two of each object, of the kinds disc (a third) and ring."""
    rows = ["name,theta,obj,kind"]
    for k in range(n):
        save(folder, f"r{k:03}.npy", 1 + k / n, seed)
        rows.append(f"r{k:03},{1 + k / n},o{k // 2},{'disc' if k % 3 == 0 else 'ring'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def config_of(data, *more, seed=0):
    """A config without a simulation. data: what is in the brackets of evaluate.data."""
    own = [f"evaluate.data={{{data}}}", "evaluate.targets=[theta]", "pretrain.encoders={s: {method: simsiam}}"]
    path = data.split("path: ")[1].split(",")[0]
    return load("tiny", [*SETTINGS, *own, f"pretrain.data={{path: {path}}}", "simulate=null", f"seed={seed}", *more])
