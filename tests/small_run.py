"""An evaluated run in a second, for tests: networks that nobody trained, with the features that they really have."""

import numpy as np

from lenstream.configs.load import load
from lenstream.evaluate.results import RANDOM, Evaluation, Score
from lenstream.evaluate.tasks.choose import make_task
from lenstream.runs import RunFolder, begin
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint
from lenstream.ssl.probe import features_of
from lenstream.ssl.untrained import make_encoder

ENCODERS = ("lensiam", "lensimclr")
FEW = ["pretrain.encoders.simsiam=null", "pretrain.encoders.stream_supervised=null", "evaluate.targets=[theta_E, e1]"]


def evaluated(runs, *overrides, name="tiny", error=0.1):
    """The `RunFolder` of a run of tiny with two encoders.

    error: standard deviation of the predictions, drawn anew for every run, over that of the true values.
    """
    config = load("tiny", [*FEW, f"name={name}", *overrides])
    folder = RunFolder(runs / name)
    begin(folder, config)
    scene = make_scene(config.simulate, config.seed)
    task = make_task(config, scene)
    test = task.labelled("test", config.evaluate.n_test)
    true = {t: values.numpy() for t, values in test.true.items()}
    networks = {encoder: make_encoder(config, encoder, scene) for encoder in ENCODERS}
    for encoder, network in networks.items():
        folder.encoder(encoder).mkdir(parents=True)
        checkpoint.save(folder.encoder(encoder) / "encoder.safetensors", network.state_dict())
    networks[RANDOM] = networks[ENCODERS[0]]
    rng, predictions, scores = np.random.default_rng(len(name)), {}, []
    for encoder in networks:
        predicted = {t: v + error * v.std() * rng.normal(size=len(v)).astype(np.float32) for t, v in true.items()}
        predictions[encoder, "ridge"] = predicted
        for (target, metric), value in task.score(true, predicted).items():
            for n, seed in ((20, 0), (20, 1), (40, 0), (40, 1)):
                scores.append(Score("regression", encoder, "ridge", n, seed, target, metric, value - 0.01 * seed))
    features = {encoder: features_of(network, test.images) for encoder, network in networks.items()}
    Evaluation(scores, test.indices, true, predictions, features).save(folder.path)
    return folder
