"""The sliders, buttons, boxes and menus of the page of `lenstream explore`, which do nothing yet."""

from functools import partial
from pathlib import Path

import numpy as np
from bokeh.models import Button, CheckboxGroup, Div, Select, Slider

STRETCHES = ["asinh", "linear", "log"]
# Text, as a style sheet of Bokeh belongs to one page, and a second window would have none
STYLE = Path(__file__).with_name("explore_widgets.css").read_text(encoding="utf-8")


def make_slider(slider):
    """The widget of an `explore_sliders.Slider`."""
    digits = max(0, -int(np.floor(np.log10(slider.step) + 1e-9)))
    return Slider(
        title=slider.title,
        start=slider.low,
        end=slider.high,
        step=slider.step,
        value=slider.low,
        format="0." + "0" * digits if slider.high < 1e5 else "0.000e+0",
        sizing_mode="stretch_width",
        tooltips=False,
        stylesheets=[STYLE],
    )


def make_widgets(scene):
    """All that is no figure and no slider: {name: Bokeh model}. scene: of the recipe."""
    many_kernels = max(len(t.kernels) for t in scene.bands.values()) > 1
    drawn = [word for word, there in (("subhalos", scene.config.substructure), ("PSF kernel", many_kernels)) if there]
    labels = {"system": "another system", "other_source": "another source", "other_noise": "another noise"}
    labels |= {"halos": f"other {' and '.join(drawn)}"} if drawn else {}
    made = {key: Button(label=label, stylesheets=[STYLE]) for key, label in labels.items()}
    made["copy"] = Button(label="copy as YAML", stylesheets=[STYLE], width=120)  # also while it says "copied"
    boxes = ["noise", *(["lens light"] if scene.config.lens_light else []), "critical curves"]
    select = partial(Select, stylesheets=[STYLE], width=110)
    made["shown"] = CheckboxGroup(labels=boxes, active=[len(boxes) - 1], inline=True, stylesheets=[STYLE])
    made["band"] = select(options=list(scene.bands), value=next(iter(scene.bands)))
    made["stretch"] = select(options=STRETCHES, value=STRETCHES[0])
    made["error_of"] = select(options=["rays", "PSF"], value="rays", width=85)
    for key in ("caption", "numbers", "error_caption", "message", "yaml"):
        made[key] = Div(stylesheets=[STYLE], sizing_mode="stretch_width")
    made["message"].css_classes = ["message"]
    made["copied"] = Div(visible=False, text="")
    return made
