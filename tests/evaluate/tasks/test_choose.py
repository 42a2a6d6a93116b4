"""The task that a config asks for."""

from lenstream.configs.load import load
from lenstream.evaluate.tasks.choose import make_task
from lenstream.evaluate.tasks.regression import Regression
from lenstream.simulate.systems.scene import make_scene


def test_a_config_asks_for_the_regression_of_its_targets():
    config = load("tiny", ["evaluate.targets=[gamma]"])
    task = make_task(config, make_scene(config.simulate, config.seed))
    assert isinstance(task, Regression) and task.targets == ["gamma"]
