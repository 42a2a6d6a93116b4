"""The three figures of `lenstream explore`, for Bokeh: the image, the source plane, the error of the image."""

from typing import NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d
from bokeh.plotting import figure

from .colours import LOST

LINES = {"tangential": ("#6FE3FF", "solid"), "radial": ("#9CF29C", "dashed"), "cut": ("#9CF29C", "dotted")}
SKY, OF_ERRORS = "Magma256", "Viridis256"
SMALLEST, LARGEST = -6.0, -1.0  # log10 of the errors at the ends of their colours
BARS = (20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # lengths of a bar of scale [arcsec]


class Panel(NamedTuple):
    """A figure with what changes in it; Bokeh's own search for that takes longer than drawing."""

    figure: figure
    pixels: ColumnDataSource
    lines: ColumnDataSource
    bar: ColumnDataSource  # of scale, with its length in words


def sky_panel():
    """The panel of an image or of the source plane, for brightness from 0 to 1."""
    return _panel(SKY, 0.0, 1.0, LOST)


def error_panel():
    """The panel of the error of an image, by its logarithm."""
    return _panel(OF_ERRORS, SMALLEST, LARGEST, "#000000")


def set_image(panel, pixels, half):
    """Show pixels (H, W), row 0 at the bottom, in a figure of +-half arcsec."""
    same = panel.figure.x_range.end == half and np.array_equal(panel.pixels.data["image"][0], pixels, equal_nan=True)
    if not same:
        panel.pixels.data = {"image": [pixels], "x": [-half], "y": [-half], "dw": [2 * half], "dh": [2 * half]}
    if panel.figure.x_range.end != half:
        panel.figure.x_range.update(start=-half, end=half)
        panel.figure.y_range.update(start=-half, end=half)
        length, edge = next((bar for bar in BARS if bar <= 0.6 * half), 0.0), -0.92 * half
        panel.bar.data = {"x": [edge, edge + length], "y": [edge, edge], "text": [f'{length:g}"', ""]}


def set_error(panel, error, half):
    """Show the modulus of an error (H, W), of the peak, on a logarithmic scale; None: nothing."""
    pixels = np.full((1, 1), SMALLEST) if error is None else np.log10(np.maximum(np.abs(error), 1e-30))
    set_image(panel, pixels.astype(np.float32), half)


def set_lines(panel, lines):
    """Draw lines, triples (kind, x, y) with a key of LINES and arrays [arcsec]; what has no kind is left out."""
    lines = [(LINES[kind], x, y) for kind, x, y in lines]
    panel.lines.data = {
        "xs": [x.astype(np.float32) for _, x, _ in lines],
        "ys": [y.astype(np.float32) for _, _, y in lines],
        "colour": [colour for (colour, _), _, _ in lines],
        "dash": [dash for (_, dash), _, _ in lines],
    }


def _panel(palette, low, high, lost):
    """A figure that fills a square, without axes."""
    made = figure(
        x_range=Range1d(-1.0, 1.0),
        y_range=Range1d(-1.0, 1.0),
        x_axis_type=None,
        y_axis_type=None,
        sizing_mode="stretch_both",
        min_width=80,
        min_height=80,
        min_border=0,
        toolbar_location=None,
        tools="",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
    )
    made.grid.visible = False
    mapper = LinearColorMapper(palette=palette, low=low, high=high, nan_color=lost)
    pixels = ColumnDataSource({"image": [np.zeros((1, 1), np.float32)], "x": [-1], "y": [-1], "dw": [2], "dh": [2]})
    made.image("image", x="x", y="y", dw="dw", dh="dh", color_mapper=mapper, source=pixels)
    lines = ColumnDataSource({"xs": [], "ys": [], "colour": [], "dash": []})
    made.multi_line("xs", "ys", source=lines, line_color="colour", line_dash="dash", line_width=1.2)
    bar = ColumnDataSource({"x": [], "y": [], "text": []})
    made.line("x", "y", source=bar, color="white", line_width=2)
    made.text("x", "y", "text", source=bar, color="white", text_font_size="12px", x_offset=2, y_offset=-4)
    return Panel(made, pixels, lines, bar)
