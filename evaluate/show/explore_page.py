"""The page of `lenstream explore`: its figures, sliders and buttons, and what each of them does.

While something moves, the image, the source plane and coarse curves are redrawn; a moment after the last move what
takes longer follows: errors, fine curves, numbers, the YAML.
"""

import html
import threading
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from bokeh.models import Button, CustomJS, Div

from ...configs.quantities import quantity
from ...errors import LenStreamError
from . import explore_pictures as pictures
from . import explore_state as states
from .explore_figures import error_panel, set_error, set_image, set_lines, sky_panel
from .explore_widgets import STYLE, make_slider, make_widgets
from .symbols import after_number, symbol_as_html

RESTS = 250  # milliseconds after the last move


@dataclass
class Page:
    """What one visitor sees, and the state behind it."""

    document: object
    scene: object  # of the recipe
    name: str
    sliders: dict  # path -> (explore_sliders.Slider, its widget)
    headings: dict  # title of a component -> a Div
    widgets: dict
    state: states.State
    number: int = 0  # of the system in the recipe
    frame: states.Shown | None = None
    source_half: float = 0.0  # arcsec, of the picture of the source plane
    version: int = 0  # how many changes there were
    drawn: int = 0  # which of them is drawn
    working: bool = False  # whether what takes longer is being computed
    timer: object = None
    is_setting: bool = False  # sliders are moved by the program, not by hand
    panels: dict = field(default_factory=dict)  # image, source, error: each an explore_figures.Panel

    @property
    def band(self):
        """The band that is shown."""
        return self.widgets["band"].value


def make_page(document, scene, name, groups):
    """Fill a Bokeh document. groups: of `explore_sliders.sliders`."""
    state = states.start(scene, 0)
    made = {s.path: (s, make_slider(s)) for own in groups.values() for s in own}
    headings = {title: Div(text=f"<b>{html.escape(title)}</b>", stylesheets=[STYLE]) for title in groups}
    page = Page(document, scene, name, made, headings, make_widgets(scene), state)
    page.panels = {"image": sky_panel(), "source": sky_panel(), "error": error_panel()}
    for path, (slider, widget) in made.items():
        widget.on_change("value", partial(_moved, page, path, slider))
    _connect(page)
    roots = page.widgets | {key: panel.figure for key, panel in page.panels.items()}
    roots |= {path: widget for path, (_, widget) in made.items()} | headings
    with document.models.freeze():
        for key, model in roots.items():
            model.name = key
            document.add_root(model)
    document.title = f"{name}: lenstream explore"
    document.template = (Path(__file__).parent / "explore.html.j2").read_text(encoding="utf-8")
    buttons = [key for key, model in page.widgets.items() if isinstance(model, Button)]
    known = {"recipe": name, "groups": groups, "buttons": buttons, "has_bands": len(scene.bands) > 1}
    document.template_variables.update(known)
    _set_sliders(page)
    page.version = 1
    _draw(page)
    _rest(page)


def _connect(page):
    """What the buttons, boxes and menus do."""
    on = page.widgets
    on["system"].on_click(partial(_other_system, page))
    on["other_source"].on_click(partial(_try, page, lambda s: states.other_source(page.scene, s, page.number)))
    on["other_noise"].on_click(partial(_try, page, lambda s: replace(s, noise_index=s.noise_index + 1, noise=True)))
    if "halos" in on:
        on["halos"].on_click(partial(_try, page, states.other_halos))
    on["copy"].on_click(partial(_copy, page))
    copy = "if (cb_obj.text) window.lenstream_to_clipboard(new DOMParser().parseFromString(cb_obj.text, 'text/html'))"
    on["copied"].js_on_change("text", CustomJS(code=copy))
    on["shown"].on_change("active", lambda attr, old, new: _shown(page))
    for key in ("band", "stretch", "error_of"):
        on[key].on_change("value", lambda attr, old, new: _changed(page))


def _moved(page, path, slider, attribute, old, new):
    """A slider has moved."""
    if not page.is_setting:
        page.state = replace(page.state, values=page.state.values | {path: slider.number(new)})
        _changed(page)


def _shown(page):
    """A box is ticked, or no longer."""
    if not page.is_setting:
        light = _is_ticked(page, "lens light") or not page.scene.config.lens_light
        page.state = replace(page.state, noise=_is_ticked(page, "noise"), lens_light=light)
        _changed(page)


def _is_ticked(page, label):
    box = page.widgets["shown"]
    return label in [box.labels[k] for k in box.active]


def _other_system(page):
    def following(state):
        new = states.start(page.scene, page.number + 1)
        page.number += 1
        return replace(new, noise=state.noise, lens_light=state.lens_light)

    _try(page, following)


def _try(page, change):
    """Take another state, if there is one, and move the sliders to it."""
    try:
        page.state = change(page.state)
    except LenStreamError as error:
        page.widgets["message"].text = html.escape(str(error))
        return
    _set_sliders(page)
    _changed(page)


def _set_sliders(page):
    """Move all sliders and boxes to the state, without being told of it; show those that its class has."""
    page.is_setting = True
    for path, (slider, widget) in page.sliders.items():
        value = page.state.values.get(path)
        widget.visible = value is not None
        if value is not None:
            at = slider.shown(value)
            widget.update(start=min(widget.start, at), end=max(widget.end, at), value=at)
    there = {slider.group for path, (slider, _) in page.sliders.items() if path in page.state.values}
    for title, heading in page.headings.items():
        heading.visible = title in there
    on, box = {"noise": page.state.noise, "lens light": page.state.lens_light}, page.widgets["shown"]
    box.active = [k for k, label in enumerate(box.labels) if on.get(label, k in box.active)]
    page.is_setting = False


def _changed(page):
    """Redraw as soon as all moves that have arrived are taken in, and what takes longer once nothing moves."""
    if page.version == page.drawn:
        page.document.add_next_tick_callback(partial(_draw, page))
    page.version += 1
    if page.timer is not None:
        page.document.remove_timeout_callback(page.timer)
    page.timer = page.document.add_timeout_callback(partial(_rested, page), RESTS)


def _draw(page):
    """Draw the image, the source plane and coarse curves."""
    page.drawn = page.version
    try:
        frame = states.shown(page.scene, page.state, page.frame)
        seen = pictures.image(frame, page.band)
        lines = pictures.curves(frame, at_rest=False)
        if not page.source_half:
            page.source_half = pictures.source_half(frame, page.band, lines)
        source = pictures.source_plane(frame, page.band, page.source_half)
    except LenStreamError as error:
        page.widgets["message"].text = html.escape(str(error))
        return
    page.frame = frame
    _show_image(page, seen)
    _show_source(page, source)
    _show_lines(page, lines)
    page.widgets["message"].text = ""


def _show_image(page, seen):
    half = pictures.half_width(page.frame.scene, page.band)
    set_image(page.panels["image"], pictures.stretched(seen, page.widgets["stretch"].value), half)


def _show_source(page, seen):
    set_image(page.panels["source"], pictures.stretched(seen, page.widgets["stretch"].value), page.source_half)


def _show_lines(page, curves):
    """Critical curves on the image, caustics on the source plane."""
    curves = curves if _is_ticked(page, "critical curves") else []
    set_lines(page.panels["image"], [(c.kind, c.x, c.y) for c in curves if c.kind != "cut"])
    set_lines(page.panels["source"], [(c.kind, c.source_x, c.source_y) for c in curves])


def _rested(page):
    page.timer = None
    _rest(page)


def _rest(page):
    """Compute what takes longer in a thread, which the page need not wait for."""
    if page.working:  # on an earlier state; after it comes this one
        page.timer = page.document.add_timeout_callback(partial(_rested, page), RESTS)
    elif page.frame is not None:
        page.working = True
        threading.Thread(target=_work, args=(page, page.frame, page.band, page.version), daemon=True).start()


def _work(page, frame, band, version):
    out = None
    try:
        seen, lines = pictures.image(frame, band), pictures.curves(frame, at_rest=True)
        out = pictures.numbers(frame), pictures.errors(frame, band), lines, seen
    except LenStreamError as error:
        out = error
    finally:
        page.document.add_next_tick_callback(partial(_show_rest, page, frame, version, out))


def _show_rest(page, frame, version, out):
    """Show what took longer, if nothing has moved since."""
    page.working = False
    if version != page.version or out is None:
        return
    if isinstance(out, LenStreamError):
        page.widgets["message"].text = html.escape(str(out))
        return
    numbers, errors, lines, seen = out
    half = pictures.source_half(frame, page.band, lines)
    if not 0.6 < half / page.source_half <= 1.0:
        page.source_half = half
        _show_source(page, pictures.source_plane(frame, page.band, half))
    _show_lines(page, lines)
    error = errors[page.widgets["error_of"].value == "PSF"]
    set_error(page.panels["error"], error, pictures.half_width(frame.scene, page.band))
    worst = "not known" if error is None else f"worst {np.abs(error).max():.2g} of the peak"
    page.widgets["error_caption"].text = worst
    page.widgets["caption"].text = _caption(page, seen)
    page.widgets["numbers"].text = " ".join(
        f'<span title="{_meaning(number)}">{_in_words(number)}</span>' for number in numbers
    )
    page.widgets["yaml"].text = f"<pre>{html.escape(_yaml(page))}</pre>"


def _yaml(page):
    return states.as_yaml(states.shown(page.scene, page.state, page.frame), page.name, page.scene.seed)


def _copy(page):
    """Send the YAML of the state as it is now, which the page then puts on the clipboard."""
    try:
        text = f"<pre>{html.escape(_yaml(page))}</pre>"
    except LenStreamError as error:
        page.widgets["message"].text = html.escape(str(error))
        return
    page.widgets["yaml"].text = text
    page.widgets["copied"].text = ""
    page.widgets["copied"].text = text


def _caption(page, seen):
    instrument = page.frame.scene.bands[page.band]
    words = [f"system {page.number}"] + ([page.state.class_name] if page.state.class_name else [])
    words += [f'{len(seen)} x {len(seen)} pixels of {instrument.pixel_scale:g}"']
    words += [f"peak {np.nanmax(seen):.3g} counts/s/pixel" if np.isfinite(seen).any() else "all pixels are lost"]
    return html.escape(", ".join(words))


def _in_words(number):
    """HTML of a number with its name and unit."""
    if number.name == "images":
        return f"<b>{number.value:.0f}</b> images of the source's centre"
    whole = number.name == "n_halos" or 1e3 <= number.value < 1e7
    value = f"{number.value:,.0f}" if whole else f"{number.value:#.4g}"
    return f"{symbol_as_html(number.name)} <b>{value}{html.escape(after_number(number.name))}</b>"


def _meaning(number):
    return "" if number.name == "images" else html.escape(quantity(number.name).meaning)
