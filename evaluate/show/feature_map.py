"""Make the UMAP that a reader explores in report.html: choose encoder and colour, point at a lens to see its image."""

import base64
import io
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator
from PIL import Image

from .figures import MAP, stretch
from .symbols import unit
from .umap_figure import Style, styles

MAX_POINTS = 800  # test lenses on the map; each carries its image of about 2 kB
MAX_OVERLAID = 1200  # other images on it, of all sets together
MAX_NAMES = 20  # of classes beside the bar of colours
THUMBNAIL = 48  # pixels on a side


@dataclass
class FeatureSpace:
    """UMAP points {encoder: (n, 2)}, labels {target: (n,)} and the images (n, H, W) they stand for."""

    points: dict
    labels: dict
    thumbnails: np.ndarray
    overlaid: list = field(default_factory=list)  # of `umap_figure.Overlaid` that were placed
    classes: dict = field(default_factory=dict)  # target -> the names of its numbers, for those that are classes


@dataclass(frozen=True)
class FeatureMap:
    """The parts of the map: Bokeh's code and element as HTML, and what the page's own fields choose from."""

    library: Markup  # Bokeh's code, in <script>
    plot: Markup  # its element and the script that fills it
    encoders: list[str]
    colours: list[str]  # parameters, with units
    scales: list[dict]  # of the colours, one a parameter: low, high, palette, ticks and the words at them
    overlaid: list[
        tuple[Style, str, int, int]
    ]  # the other sets: style, name, how many are shown, and how many there are


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
    targets = [_plain(name) for name in space.labels]
    data = {"image": [_thumbnail(space.thumbnails[i]) for i in shown]}
    data |= _places(space.points.values(), shown)
    for i, (target, label) in enumerate(space.labels.items()):
        data[f"c{i}"] = np.asarray(label, dtype=np.float32)[shown]
        if target in space.classes:
            data[f"w{i}"] = [_plain(space.classes[target][int(number)]) for number in np.asarray(label)[shown]]
    source = models.ColumnDataSource(data | {"x": data["x0"], "y": data["y0"], "c": data["c0"]}, name="lenses")
    scales = [_scale(label, space.classes.get(target)) for target, label in space.labels.items()]
    first = scales[0]
    mapper = models.LinearColorMapper(first["palette"], low=first["low"], high=first["high"], name="colours")
    values = [
        f"@w{i}" if f"w{i}" in data else Markup("@c{}{{0.000}} {}").format(i, unit(t)) for i, t in enumerate(targets)
    ]
    lines = [Markup("<br>{} = {}").format(t, value) for t, value in zip(targets, values, strict=True)]
    hover = models.HoverTool(tooltips=_card("".join(lines)))
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
    hover.renderers = [plot.scatter("x", "y", source=source, color={"field": "c", "transform": mapper}, **dots)]
    overlaid = _overlay(plot, space.overlaid)
    plot.axis.visible = plot.grid.visible = False
    plot.toolbar.logo = None
    words = {"major_label_text_font_size": "13px", "major_tick_line_color": None}
    words |= {"major_label_overrides": dict(first["words"])}
    ticker = models.FixedTicker(ticks=first["ticks"], name="ticks")
    plot.add_layout(models.ColorBar(color_mapper=mapper, ticker=ticker, name="bar", **words), "right")
    script, div = components(plot)
    return FeatureMap(
        library=Markup(Resources(mode="inline", components=["bokeh"]).render_js()),
        plot=Markup(div + script),
        encoders=list(space.points),
        colours=[f"{t} [{unit(t)}]" if t not in space.classes and unit(t) else t for t in space.labels],
        scales=scales,
        overlaid=overlaid,
    )


def _overlay(plot, sets):
    """Draw other images on the map, each set with its marker and its cards; returns `FeatureMap.overlaid`."""
    from bokeh import models

    drawn = []
    for k, (images, style) in enumerate(zip(sets, styles(len(sets)), strict=True)):
        n = len(images.names)
        shown = np.unique(np.linspace(0, n - 1, max(MAX_OVERLAID // len(sets), 1)).astype(int))
        data = {"image": [_thumbnail(images.images[i]) for i in shown]} | _places(images.points.values(), shown)
        data |= {"name": [_plain(images.names[i]) for i in shown], "set": [_plain(images.name)] * len(shown)}
        for i, strange in enumerate(images.strange.values()):
            data[f"s{i}"] = 100 * np.asarray(strange, dtype=np.float32)[shown]
        lines = "<b>@set</b><br>@name"
        if images.strange:
            data["s"] = data["s0"]
            lines += "<br>@s{0} % of the test lenses have<br>a nearer neighbour than this"
        source = models.ColumnDataSource(data | {"x": data["x0"], "y": data["y0"]}, name=f"overlaid{k}")
        look = {"color": style.colour, "line_color": "white", "line_width": 0.8, "marker": style.bokeh}
        size = 17 if style.bokeh == "star" else 11
        plot.add_tools(
            models.HoverTool(
                tooltips=_card(lines), renderers=[plot.scatter("x", "y", source=source, size=size, **look)]
            )
        )
        drawn.append((style, images.name, len(shown), n))
    return drawn


def _card(lines):
    """What is shown at a point: its image and lines of HTML, with Bokeh's @names of columns."""
    image = '<img src="@image" alt="" width="144" height="144" style="image-rendering: pixelated">'
    card = "background: var(--paper); color: var(--ink); margin: -5px; padding: 6px; font-size: 13px; max-width: 240px"
    return f'<div class="lens" style="{card}; overflow-wrap: anywhere">{image}{_line_break(lines)}</div>'


def _line_break(lines):
    return lines if lines.startswith("<br>") or not lines else f"<br>{lines}"


def _places(points, shown):
    """The columns x0, y0, x1, y1, ... of points, an array (n, 2) for each encoder."""
    columns = {}
    for i, of_encoder in enumerate(points):
        columns[f"x{i}"], columns[f"y{i}"] = np.ascontiguousarray(np.asarray(of_encoder, dtype=np.float32)[shown].T)
    return columns


def _plain(name):
    return str(name).translate({36: None, 92: None})


def _scale(values, names):
    """The colours of a parameter and what stands beside their bar: one colour a class with its name, else numbers."""
    from bokeh.palettes import viridis

    if names:
        n, words = len(names), [(number, _shortened(_plain(name))) for number, name in enumerate(names)]
        scale = {"low": -0.5, "high": n - 0.5, "palette": list(viridis(min(n, 256)))}
        return scale | {"ticks": list(range(0, n, -(-n // MAX_NAMES))), "words": words}
    low, high = (float(v) for v in np.nanpercentile(values, [2, 98]))
    ticks = [float(tick) for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high]
    return {"low": low, "high": high, "palette": list(viridis(256)), "ticks": ticks, "words": []}


def _shortened(name):
    return name if len(name) <= 20 else f"{name[:19]}…"


def _thumbnail(image):
    """Image (H, W) -> a grey PNG of THUMBNAIL x THUMBNAIL pixels as an address; 32 greys keep it small."""
    grey = Image.fromarray((stretch(image)[::-1] * 255).astype(np.uint8))
    file = io.BytesIO()
    grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX).quantize(32).save(file, "png", optimize=True)
    return data_address(file.getvalue(), "png")
