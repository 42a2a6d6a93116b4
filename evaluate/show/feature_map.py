"""Make the UMAP that a reader explores in report.html: choose encoder and colour, point at a lens to see its image."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

from .figures import MAP, stretch
from .symbols import unit

MAX_POINTS = 800  # points of the map; each carries its image of about 2 kB
THUMBNAIL = 48  # pixels on a side


@dataclass
class FeatureSpace:
    """UMAP points {encoder: (n, 2)}, labels {target: (n,)} and the images (n, H, W) they stand for."""

    points: dict
    labels: dict
    thumbnails: np.ndarray


@dataclass(frozen=True)
class FeatureMap:
    """The parts of the map: Bokeh's code and element as HTML, and what the page's own fields choose from."""

    library: Markup  # Bokeh's code, in <script>
    plot: Markup  # its element and the script that fills it
    encoders: list[str]
    colours: list[str]  # parameters, with units
    ranges: list[list[float]]  # of the colours, one pair a parameter


def data_address(data, kind):
    """An address that holds a picture itself. Args: data: bytes of its file. kind: "png" or "webp"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def chosen(space):
    """Which test lenses are shown: at most MAX_POINTS, evenly spaced, int (n,)."""
    return np.unique(np.linspace(0, len(space.thumbnails) - 1, MAX_POINTS).astype(int))


def feature_map(space):
    """The `FeatureMap` of a `FeatureSpace`; report.html.j2 has the fields and the code that changes the plot."""
    from bokeh import models
    from bokeh.embed import components
    from bokeh.plotting import figure
    from bokeh.resources import Resources

    shown = chosen(space)
    # Columns have neutral names, and Bokeh sees no '$' or backslash: it would fetch a formula typesetter for them.
    targets = [name.translate({36: None, 92: None}) for name in space.labels]
    data = {"image": [_thumbnail(space.thumbnails[i]) for i in shown]}
    for i, points in enumerate(space.points.values()):
        data[f"x{i}"], data[f"y{i}"] = np.ascontiguousarray(np.asarray(points, dtype=np.float32)[shown].T)
    for i, label in enumerate(space.labels.values()):
        data[f"c{i}"] = np.asarray(label, dtype=np.float32)[shown]
    source = models.ColumnDataSource(data | {"x": data["x0"], "y": data["y0"], "c": data["c0"]}, name="lenses")
    ranges = [[float(v) for v in np.nanpercentile(label, [2, 98])] for label in space.labels.values()]
    mapper = models.LinearColorMapper("Viridis256", low=ranges[0][0], high=ranges[0][1], name="colours")
    lines = [Markup("<br>{} = @c{}{{0.000}} {}").format(t, i, unit(t)) for i, t in enumerate(targets)]
    image = '<img src="@image" alt="" width="144" height="144" style="image-rendering: pixelated">'
    card = "background: var(--paper); color: var(--ink); margin: -5px; padding: 6px; font-size: 13px"
    hover = models.HoverTool(tooltips=f'<div class="lens" style="{card}">{image}{"".join(lines)}</div>')
    plot = figure(
        name="map",
        height=480,
        max_width=960,
        sizing_mode="stretch_width",
        tools=["pan,box_zoom,wheel_zoom,reset", hover],
        toolbar_location="above",
        outline_line_color=MAP["edgecolors"],
    )
    dots = {"size": 8, "line_color": MAP["edgecolors"], "line_width": 0.5}
    plot.scatter("x", "y", source=source, color={"field": "c", "transform": mapper}, **dots)
    plot.axis.visible = plot.grid.visible = False
    plot.toolbar.logo = None
    words = {"major_label_text_font_size": "13px", "major_tick_line_color": None}
    plot.add_layout(models.ColorBar(color_mapper=mapper, name="bar", **words), "right")
    script, div = components(plot)
    return FeatureMap(
        library=Markup(Resources(mode="inline", components=["bokeh"]).render_js()),
        plot=Markup(div + script),
        encoders=list(space.points),
        colours=[f"{t} [{unit(t)}]" if unit(t) else t for t in space.labels],
        ranges=ranges,
    )


def _thumbnail(image):
    """Image (H, W) -> a grey PNG of THUMBNAIL x THUMBNAIL pixels as an address; 32 greys keep it small."""
    grey = Image.fromarray((stretch(image)[::-1] * 255).astype(np.uint8))
    file = io.BytesIO()
    grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX).quantize(32).save(file, "png", optimize=True)
    return data_address(file.getvalue(), "png")
