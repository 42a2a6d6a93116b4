"""The parameter-recovery benchmark of a run: every encoder, protocol, number of labels and seed, beside the limit.

Each unit of work is written when it is done, so a stopped evaluation continues where it was.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ..progress import Stopped, bar
from ..ssl import checkpoint
from ..ssl.backbones import load_weights
from ..ssl.methods.supervised import Supervised
from ..ssl.trainer import make_encoder
from .limit import cramer_rao
from .tasks import regression

SUPERVISED = "supervised"  # fine-tuning of random weights: training from scratch
RANDOM = "random"
THREADS = os.cpu_count() or 1  # for rendering, while nothing else runs; the images do not depend on it


@dataclass(frozen=True)
class Unit:
    """One training of one regressor."""

    encoder: str
    protocol: str
    n_labels: int
    seed: int

    def name(self):
        """A file name for it."""
        return f"{self.encoder}-{self.protocol}-{self.n_labels}-{self.seed}"


def evaluate(config, scene, encoders, folder, stop=lambda: False):
    """Judge encoders; returns the tidy results and writes what figures and predictions need.

    Args:
        config: `configs.schema.Config`. scene: of its simulation. encoders: name to the path of encoder.safetensors.
        folder: the run's; gets results.csv, evaluation.npz (test labels, bounds, predictions and features) and
            predictor/ with the regressors that are best at some target.
        stop: asked before every unit; when true, `Stopped` is raised.

    Returns: DataFrame with the columns `regression.COLUMNS`.
    """
    folder = Path(folder)
    scratch = folder / "evaluation"
    scratch.mkdir(parents=True, exist_ok=True)
    settings, targets = config.evaluate, config.evaluate.targets
    device = "cuda" if config.pretrain.accelerator in ("auto", "cuda") and torch.cuda.is_available() else "cpu"
    networks = {name: _network(config, scene, name, path) for name, path in encoders.items()}
    networks[RANDOM] = _network(config, scene, next(iter(encoders)), None)
    most = max(settings.n_labels)
    test = regression.labelled_lenses(scene, targets, "test", settings.n_test, threads=THREADS)
    pools = [
        regression.labelled_lenses(scene, targets, "labelled", most, skip=seed * most, threads=THREADS)
        for seed in range(settings.seeds)
    ]
    features = {name: regression.features(network, test.images, device) for name, network in networks.items()}
    pool_features = {}  # of the encoder at work

    units = _units(settings, networks)
    with bar("evaluating", len(units)) as progress:
        for done, unit in enumerate(units):
            progress.update(done, f"{unit.encoder}, {unit.protocol}, {unit.n_labels} labels")
            if (scratch / f"{unit.name()}.json").exists():
                continue
            if stop():
                raise Stopped(f"stopped the evaluation at {done} of {len(units)}")
            network = networks[RANDOM if unit.encoder == SUPERVISED else unit.encoder]
            train = pools[unit.seed].first(unit.n_labels)
            if unit.protocol == "ridge":
                key = unit.encoder, unit.seed
                if key not in pool_features:
                    pool_features = {key: regression.features(network, pools[unit.seed].images, device)}
                regressor = regression.ridge(network, train, pool_features[key][: unit.n_labels])
            else:
                regressor = regression.finetune(network, train, settings.finetune, unit.seed, device)
            predicted = regression.predict(regressor, test.images, device)
            rows = regression.scores(
                unit.encoder, unit.protocol, unit.n_labels, unit.seed, targets, test.targets.numpy(), predicted
            )
            if unit.n_labels == most:
                rmse = [row[-1] for row in rows if row[-2] == "rmse"]
                checkpoint.save(
                    scratch / f"{unit.name()}.safetensors", regressor.state_dict(), targets=targets, rmse=rmse
                )
                np.save(scratch / f"{unit.name()}.npy", predicted)
            (scratch / f"{unit.name()}.json").write_text(json.dumps(rows))
        progress.update(len(units), "")

    rows = [row for unit in units for row in json.loads((scratch / f"{unit.name()}.json").read_text())]
    bound = {}
    if settings.limit:
        with bar("information limit", settings.n_test) as progress:
            bound = cramer_rao(scene, test.indices, targets, threads=THREADS, progress=progress.update)
        rows += regression.limit_scores(targets, test.targets.numpy(), bound)
    results = pd.DataFrame(rows, columns=regression.COLUMNS)

    arrays = {"indices": test.indices, "true": test.targets.numpy()}
    arrays |= {f"bound/{t}": b for t, b in bound.items()} | {f"features/{n}": f for n, f in features.items()}
    for unit in units:
        if unit.n_labels == most and unit.seed == 0:
            arrays[f"predicted/{unit.encoder}/{unit.protocol}"] = np.load(scratch / f"{unit.name()}.npy")
    np.savez(folder / "evaluation.npz", **arrays)
    _keep_best(results, most, scratch, folder / "predictor")
    results.to_csv(folder / "results.csv", index=False)  # last: it says that the evaluation is complete
    shutil.rmtree(scratch)
    return results


def _network(config, scene, name, path):
    """The network of an encoder of the config, with the weights of a file or those it starts from."""
    network = make_encoder(config, name, scene)
    if path is not None:
        load_weights(network, path)
    return network.to(memory_format=torch.channels_last)


def _units(settings, networks):
    units = []
    for protocol in settings.protocols:
        for encoder in networks:
            name = SUPERVISED if (encoder, protocol) == (RANDOM, "finetune") else encoder
            units += [Unit(name, protocol, n, seed) for seed in range(settings.seeds) for n in settings.n_labels]
    return units


def best(results):
    """For each target the encoder and protocol with the highest mean R2, at the largest number of labels."""
    judged = results[(results.n_labels == results.n_labels.max()) & (results.metric == "r2")]
    means = judged.groupby(["target", "encoder", "protocol"], sort=False)["value"].mean()
    return {target: means[target].idxmax() for target in judged.target.unique()}


def _keep_best(results, most, scratch, predictor):
    """Keep the regressors that are best at some target, for predictions of other images."""
    shutil.rmtree(predictor, ignore_errors=True)
    for encoder, protocol in set(best(results).values()):
        (predictor / f"{encoder}-{protocol}").mkdir(parents=True)
        for path in sorted(scratch.glob(f"{encoder}-{protocol}-{most}-*.safetensors")):
            shutil.copy(path, predictor / f"{encoder}-{protocol}" / path.name)


def load_predictor(config, scene, folder):
    """The regressors that `evaluate` kept: a list of groups, one per encoder and protocol.

    A group is a list with one (module, RMSE of each target on the test lenses) per seed.
    Raises: DataError if a file is damaged.
    """
    groups = []
    for group in sorted((Path(folder) / "predictor").glob("*/")):
        groups.append([])
        encoders = config.pretrain.encoders
        name = group.name.rsplit("-", 1)[0]  # random weights and training from scratch have the first one's network
        for path in sorted(group.glob("*.safetensors")):
            tensors, facts = checkpoint.load(path)
            network = _network(config, scene, name if name in encoders else next(iter(encoders)), None)
            regressor = Supervised(network, np.zeros(len(facts["targets"])), np.ones(len(facts["targets"])))
            regressor.load_state_dict(tensors)
            groups[-1].append((regressor, np.array(facts["rmse"])))
    return groups
