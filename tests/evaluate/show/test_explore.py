"""`lenstream explore`: the page in a browser, the server that only this machine reaches, and how it ends."""

import asyncio
import importlib.util
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from lenstream.configs.load import load
from lenstream.errors import LenStreamError
from lenstream.evaluate.show import explore as explore_module
from lenstream.evaluate.show import explore_pictures as pictures
from lenstream.evaluate.show import explore_state as states
from lenstream.run_pipeline import main
from lenstream.simulate.systems.scene import make_scene

pytest.importorskip("bokeh")
from bokeh.document import Document
from bokeh.util.token import generate_jwt_token, generate_session_id

from lenstream.evaluate.show.explore_page import make_page
from lenstream.evaluate.show.explore_sliders import sliders

_spec = importlib.util.spec_from_file_location("chromium", Path(__file__).parents[2] / "chromium.py")
chromium = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(chromium)

RECIPE = """
name: small
seed: 5
simulate:
  image: {num_pix: 24, pixel_scale: 0.16}
  lens_mass:
    - {profile: EPL, theta_E: {uniform: [0.8, 1.2]}, e1_e2: {rayleigh: [0.1, 0.3]}}
    - {profile: SHEAR, gamma1: {normal: [0, 0.03]}}
  source:
    - {profile: INTERPOL, n_galaxies: 5, magnitude: {uniform: [22, 23]}, R_half: {uniform: [0.1, 0.3]}}
  lens_light:
    - {profile: SERSIC_ELLIPSE, magnitude: 22, R_sersic: 0.5}
  observation:
    {exposure_time: 900, magnitude_zero_point: 25.5, background_noise: 0.01, psf: {kind: gaussian, fwhm: 0.2}}
"""
NAMED = "Bokeh.documents[0].get_model_by_name('{}')"
IMAGE = "Array.from(Bokeh.documents[0].get_model_by_name('image').renderers[0].data_source.data.image[0])"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@contextmanager
def served(recipe, *options):
    """The process of `lenstream explore` and the address that it prints."""
    command = [sys.executable, "-m", "lenstream.run_pipeline", "explore", str(recipe), "--no-browser", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def named(name):
    return NAMED.format(name)


def ready(page):
    """Wait until the numbers, which come last, are there."""
    page.wait_for(f"window.Bokeh && Bokeh.documents.length && {named('numbers')} && {named('numbers')}.text")
    page.settle()


def at_rest(page, javascript):
    """Do something and wait until what takes longer has followed."""
    page.evaluate(f"{named('numbers')}.text = ''; {javascript}; 1")
    page.wait_for(f"{named('numbers')}.text")
    page.settle()


def press(page, name):
    """Click on a Bokeh button by the mouse."""
    x, y, width, height = page.rectangle(f"Bokeh.index.get_by_id({named(name)}.id).el")
    page.click(x + width / 2, y + height / 2)


def test_the_models_of_a_page(recipe):
    config = load(recipe)
    scene, document = make_scene(config.simulate, config.seed), Document()
    groups = sliders(scene)
    make_page(document, scene, "small", groups)
    state, models = states.start(scene, 0), {root.name: root for root in document.roots}
    assert all(models[path].value == value for path, value in state.values.items())
    assert set(groups) | {"image", "source", "error", "system", "copy", "shown", "band"} <= set(models)
    pixels = models["image"].renderers[0].data_source.data["image"][0]
    assert np.array_equal(pixels, pictures.stretched(pictures.image(states.shown(scene, state), ""), "asinh"))
    assert "halos" not in models  # as the recipe has none
    for drawn in models["image"], models["source"]:
        assert len(drawn.renderers[1].data_source.data["xs"]) > 0


def test_the_page_can_be_loaded_again_and_in_two_windows(recipe):
    config = load(recipe)
    scene = make_scene(config.simulate, config.seed)
    documents = [Document(), Document(), Document()]
    for document in documents[:2]:
        make_page(document, scene, "small", sliders(scene))
    documents[0].clear()  # as a server does once a window is closed
    make_page(documents[2], scene, "small", sliders(scene))
    sent = [document.to_json() for document in documents[1:]]
    assert all("noUi-handle" in str(page) for page in sent)  # the style of the sliders
    assert [root.name for root in documents[1].roots] == [root.name for root in documents[2].roots]


@pytest.mark.slow
@chromium.needed
def test_the_page_of_a_system(recipe, tmp_path):
    with served(recipe) as (_, address), chromium.start(address, size=(1366, 768)) as page:
        ready(page)
        assert page.evaluate("document.title") == "small: lenstream explore"
        config = load(recipe)
        scene = make_scene(config.simulate, config.seed)
        state = states.start(scene, 0)
        seen = pictures.stretched(pictures.image(states.shown(scene, state), ""), "asinh")
        np.testing.assert_allclose(page.evaluate(IMAGE), seen.ravel(), atol=1e-6)
        _check_sliders(page, scene, state)
        _check_buttons(page)
        _check_yaml(page, tmp_path)
        _check_that_nothing_moves_when_it_says_copied(page)
        _check_layout(page, tmp_path)
        assert page.problems == []
        assert {url.split("/")[2] for url in page.requests} == {address.split("/")[2]}  # nothing from anywhere else


def _check_sliders(page, scene, state):
    """Each shows its parameter, and one that moves changes the image as the simulator says."""
    for path, value in state.values.items():
        assert page.evaluate(f"{named(path)}.value") == pytest.approx(value)
    before = page.evaluate(IMAGE)
    at_rest(page, f"{named('lens_mass.0.theta_E')}.value = 1.1")
    assert page.evaluate(IMAGE) != before
    moved = states.shown(scene, states.replace(state, values=state.values | {"lens_mass.0.theta_E": 1.1}))
    seen = pictures.stretched(pictures.image(moved, ""), "asinh")
    np.testing.assert_allclose(page.evaluate(IMAGE), seen.ravel(), atol=1e-6)
    mean_kappa = dict(pictures.numbers(moved))["theta_E_mean_kappa"]
    assert f"{mean_kappa:#.4g}" in page.evaluate(f"{named('numbers')}.text")
    lines = page.evaluate(f"{named('source')}.renderers[1].data_source.data.xs.length")
    assert lines >= 1
    x, y, width, height = page.rectangle(f"Bokeh.index.get_by_id({named('lens_mass.0.theta_E')}.id).el")
    handle = page.rectangle(
        f"Bokeh.index.get_by_id({named('lens_mass.0.theta_E')}.id).shadow_el.querySelector('.noUi-handle')"
    )
    before = page.evaluate(IMAGE)
    start = handle[0] + handle[2] / 2, handle[1] + handle[3] / 2
    page.drag(start, (start[0] - 40, start[1]))
    page.wait_for(f"{named('lens_mass.0.theta_E')}.value < 1.1")
    page.wait_for(f"JSON.stringify({IMAGE}) != JSON.stringify({before})")
    assert width > 100 and height > 20 and x > 0 and y > 0


def _check_buttons(page):
    """Another noise, another source, another system: each changes what it says."""
    for name, changes, keeps in (
        ("other_noise", IMAGE, f"{named('source.0.magnitude')}.value"),
        ("other_source", f"{named('source.0.magnitude')}.value", f"{named('lens_mass.0.theta_E')}.value"),
        ("system", f"{named('lens_mass.0.theta_E')}.value", f"{named('observation.exposure_time')}.value"),
    ):
        before, kept = page.evaluate(changes), page.evaluate(keeps)
        press(page, name)
        page.wait_for(f"JSON.stringify({changes}) != {before!r}.toString() && JSON.stringify({changes}) != '{before}'")
        assert page.evaluate(keeps) == kept, name
    ready(page)
    noisy = page.evaluate(IMAGE)
    at_rest(page, f"{named('shown')}.active = [1, 2]")
    assert page.evaluate(IMAGE) != noisy
    at_rest(page, f"{named('shown')}.active = [1]")
    assert page.evaluate(f"{named('source')}.renderers[1].data_source.data.xs.length") == 0
    at_rest(page, f"{named('shown')}.active = [0, 1, 2]")
    worst = page.evaluate(f"{named('error_caption')}.text")
    at_rest(page, f"{named('error_of')}.value = 'PSF'")
    assert page.evaluate(f"{named('error_caption')}.text") != worst


def _check_that_nothing_moves_when_it_says_copied(page):
    place = f"Bokeh.index.get_by_id({named('shown')}.id).el.getBoundingClientRect().x"
    before = page.evaluate(place)
    page.evaluate(f"{named('copy')}.label = 'copied'; 1")
    page.settle()
    assert page.evaluate(place) == before
    page.evaluate(f"{named('copy')}.label = 'copy as YAML'; 1")


def _check_yaml(page, tmp_path):
    """What is copied is a recipe with the numbers of the sliders, and gives the image that is shown."""
    at_rest(page, f"{named('shown')}.active = [1, 2]")
    press(page, "copy")
    text = page.wait_for("window.lenstream_yaml")
    values = yaml.safe_load(text)["simulate"]
    assert values["lens_mass"][0]["theta_E"] == page.evaluate(f"{named('lens_mass.0.theta_E')}.value")
    assert values["source"][0]["magnitude"] == page.evaluate(f"{named('source.0.magnitude')}.value")
    (tmp_path / "copied.yaml").write_text(text, encoding="utf-8")
    config = load(tmp_path / "copied.yaml")
    scene = make_scene(config.simulate, config.seed)
    seen = pictures.stretched(pictures.image(states.shown(scene, states.start(scene, 0)), ""), "asinh")
    np.testing.assert_array_equal(np.float32(page.evaluate(IMAGE)), seen.ravel())


def _check_layout(page, tmp_path):
    """On a laptop nothing scrolls the image away, on a phone nothing is wider than it; text can be read in the dark."""
    picture = f"Bokeh.index.get_by_id({named('image')}.id).el.getBoundingClientRect()"
    for size, dark, kind in (((1366, 768), False, "laptop"), ((1366, 768), True, "dark"), ((390, 844), True, "phone")):
        page.emulate(size=size, dark=dark, mobile=size[0] < 400)
        page.wait_for(f"Math.abs({picture}.width - {picture}.height) < 2")
        page.settle()
        page.screenshot(tmp_path / f"{kind}.png", whole=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert kind == "phone" or page.evaluate("document.documentElement.scrollHeight") <= size[1]
        ink, paper = (page.evaluate(f"getComputedStyle(document.body).{p}") for p in ("color", "backgroundColor"))
        title = f"Bokeh.index.get_by_id({named('lens_mass.0.theta_E')}.id).shadow_el.querySelector('.bk-slider-title')"
        assert page.evaluate(f"getComputedStyle({title}).color") == ink
        assert abs(_brightness(ink) - _brightness(paper)) > 150
        assert page.evaluate(f"{picture}.bottom") <= size[1]
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.settle()
    assert page.evaluate(f"{picture}.bottom") > 200  # it stays on a phone, too, while sliders go by
    page.emulate(size=(1366, 768), dark=False, mobile=False)


def _brightness(colour):
    return sum(int(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]) / 3


def test_only_pages_of_this_machine_may_talk_to_the_server(recipe):
    config = load(recipe, ["simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 23, R_sersic: 0.2}]"])
    scene = make_scene(config.simulate, config.seed)
    port = explore_module._free_port()

    token = generate_jwt_token(generate_session_id())

    async def connect(origin):
        request = HTTPRequest(f"ws://127.0.0.1:{port}/ws", headers={"Origin": origin})
        return await asyncio.wait_for(websocket_connect(request, subprotocols=["bokeh", token]), 60)

    server = explore_module.make_server(scene, "small", port)
    try:
        with pytest.raises(HTTPClientError, match="403"):
            server.io_loop.run_sync(lambda: connect("http://evil.example"))
        for host in ("127.0.0.1", "localhost"):
            server.io_loop.run_sync(lambda host=host: connect(f"http://{host}:{port}")).close()
        (listening,) = {s.getsockname()[0] for s in server._http._sockets.values()}
        assert listening == "127.0.0.1"
    finally:
        server.stop()
        server.unlisten()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_it_cleanly(recipe, number):
    light = "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 23, R_sersic: 0.2}]"
    with served(recipe, light) as (process, address):
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"lenstream explore" in answer.read()
        process.send_signal(number)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert out == "" and errors.strip().endswith("Ctrl-C ends it")
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=10)


def test_a_bad_recipe_is_one_sentence_and_no_server(recipe, capsys):
    with pytest.raises(SystemExit) as end:
        main(["explore", str(recipe), "simulate.lens_mass.0.theta_F=1", "--no-browser"])
    out, errors = capsys.readouterr()
    assert end.value.code == 2 and out == ""
    assert "theta_F" in errors and "theta_E" in errors and "Traceback" not in errors


def test_without_bokeh_it_says_how_to_install_it(recipe, monkeypatch):
    monkeypatch.setattr("lenstream.extras._is_installed", lambda name: name != "bokeh")
    with pytest.raises(LenStreamError, match=r"lenstream explore needs lenstream\[explore\].*pip install"):
        explore_module.explore(load(recipe), open_browser=False)


def test_a_port_that_is_taken_or_none_is_one_sentence(recipe):
    config = load(recipe, ["simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 23, R_sersic: 0.2}]"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LenStreamError, match=f"^--port {port}: cannot be used"):
            explore_module.explore(config, port, open_browser=False)
    for port in (-1, 65536):
        with pytest.raises(LenStreamError, match="expected a number from 1 to 65535"):
            explore_module.explore(config, port, open_browser=False)
