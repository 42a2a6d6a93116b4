"""The test sets of `evaluate.shifts`: the same test systems as far as it goes, drawn from shifted simulations."""

import numpy as np

from ..errors import ConfigError, LenStreamError
from ..simulate.selection import draw
from ..simulate.systems.draw import Views
from ..simulate.systems.scene import FIRST_INDEX, make_scene, with_config
from ..ssl.data import training_scene
from .shifts import shifted
from .tasks.choose import make_task

N_DRAWN = 32  # systems that are drawn before the training, to see whether a selection leaves any


def task_of(config, scene, name):
    """The task of a config with its test lenses shifted: a `tasks.task.Task`.

    Args: scene: of the config's simulation. name: of the shift. Raises: ConfigError where it means nothing for it.
    """
    return make_task(*_shifted(config, scene, name))


def scene_of(config, scene, name):
    """The scene of a shifted simulation, in the bands that networks see; arguments are those of `task_of`."""
    return _shifted(config, scene, name)[1]


def _shifted(config, scene, name):
    """The config and the scene, in the bands that networks see, of a shifted simulation."""
    simulation = shifted(name, config.simulate, config.evaluate.other_catalogue).simulation
    whole = scene.whole or scene
    # what has the same galaxies does not read them again
    again = make_scene(simulation, whole.seed) if name == "other_galaxies" else with_config(whole, simulation)
    changed = config.model_copy(update={"simulate": simulation})
    return changed, training_scene(changed, again)


def problems(config, scene):
    """Why a test set of `evaluate.shifts` cannot be made, in sentences. scene: of the config's simulation, or None."""
    evaluate = config.evaluate
    if evaluate is None or not evaluate.shifts:
        return
    if evaluate.judged_by_files or evaluate.task == "super_resolution" or config.simulate is None:
        yield "evaluate.shifts: shifts simulated test lenses of a regression or classification; expected none here"
        return
    for name in evaluate.shifts if scene is not None else ():
        try:
            _, again = _shifted(config, scene, name)
            draw(again, np.arange(N_DRAWN, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]), Views())
        except ConfigError as error:
            yield from error.problems
        except LenStreamError as error:
            yield f"evaluate.shifts: {name}: {error}"


def described(config):
    """What the shifted test sets of a config are: name -> words."""
    simulation, other = config.simulate, config.evaluate.other_catalogue
    return {name: shifted(name, simulation, other).words for name in config.evaluate.shifts}
