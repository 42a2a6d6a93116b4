"""Names of parameters as people read them: every symbol can be drawn, is safe HTML and has its unit beside it."""

import re
from html.parser import HTMLParser

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from lenstream.configs.quantities import names
from lenstream.evaluate.show import symbols

LABELS = [*names(), "theta_E_2", "alpha_Rs_1", "source_color_g", "lens_light_color_LSST_r_1"]


@pytest.mark.parametrize("name", LABELS)
def test_matplotlib_draws_every_symbol(name):
    MathTextParser("agg").parse(symbols.symbol(name))


class Balance(HTMLParser):
    """The tags that are open, and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        assert tag in ("sub", "sup")
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", LABELS)
def test_every_symbol_is_html_without_a_trace_of_latex(name):
    page = Balance()
    page.feed(symbols.symbol_as_html(name))
    page.close()
    assert page.open == [] and page.text
    assert not re.search(r"[\\{}_^$&]|mathrm", page.text)


@pytest.mark.parametrize(
    ("latex", "html"),
    [
        (r"\theta_E", "&theta;<sub>E</sub>"),
        (r"\alpha_{R_s,1}", "&alpha;<sub>R<sub>s</sub>,1</sub>"),
        (r"\mathrm{lens\ light}\ R_{1/2}", "lens light R<sub>1/2</sub>"),
        (r"x_\mathrm{a}^2", "x<sub>a</sub><sup>2</sup>"),
        ("a<b", "a&lt;b"),
    ],
)
def test_latex_as_html(latex, html):
    assert symbols.to_html(latex) == html


def test_axes_and_numbers_have_their_unit():
    assert symbols.with_unit("theta_E_2") == r"$\theta_{E,2}$ [arcsec]"
    assert symbols.with_unit("source_magnitude") == r"$\mathrm{source}\ m$ [mag(AB)]"
    assert symbols.with_unit("gamma") == r"$\gamma$"
    assert [symbols.after_number(n) for n in ("Rs", "phi_m", "halo_mass", "e1")] == ['"', " rad", " Msun", ""]


def test_other_names_stand_as_they_are_and_start_no_formula():
    assert (symbols.unit("lensiam"), symbols.symbol_as_html("lensiam")) == ("", None)
    figure = Figure()
    figure.suptitle(symbols.with_unit("a$b$^_{"))
    FigureCanvasAgg(figure).draw()
