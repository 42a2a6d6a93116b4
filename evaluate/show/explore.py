"""`lenstream explore`: a page on this machine with a slider for every parameter of one system, redrawn as one moves.

A Bokeh server that listens on 127.0.0.1 only. `explore_sliders` says which sliders there are, `explore_state` what they
set, `explore_pictures` what is drawn; `explore_page` lays it out.
"""

import logging
import signal
import socket
import threading
import webbrowser
from contextlib import suppress

from ...errors import LenStreamError
from ...extras import need
from ...progress import console
from ...simulate.systems.scene import make_scene
from .explore_pictures import image
from .explore_sliders import sliders
from .explore_state import shown, start

HOST = "127.0.0.1"


def explore(config, port=0, open_browser=True):
    """Serve the page of a recipe until Ctrl-C or SIGTERM, and print its address.

    Args: config: `configs.schema.Config`. port: 0 takes a free one. open_browser: show the page in the user's browser.
    Raises: MissingExtra without Bokeh; LenStreamError for a port that is taken; what `make_scene` and `draw` raise.
    """
    need("explore", "lenstream explore")
    port = _free_port() if port == 0 else _checked_port(port)
    scene = make_scene(config)
    image(shown(scene, start(scene, 0)), next(iter(scene.bands)))  # whatever is wrong is said here, and it is compiled
    server = make_server(scene, config.name, port)
    address = f"http://{HOST}:{port}/"
    print(address, flush=True)
    console.print("Ctrl-C ends it")
    if open_browser:
        threading.Thread(target=_open, args=(address,), daemon=True).start()  # some browsers do not return
    _serve(server)


def make_server(scene, name, port):
    """A Bokeh server of the page of a `Scene`, on a port of 127.0.0.1, started; each visitor has their own system."""
    from bokeh.application import Application
    from bokeh.application.handlers.function import FunctionHandler
    from bokeh.server.server import Server

    from .explore_page import make_page

    for library in ("bokeh", "tornado"):
        logging.getLogger(library).setLevel(logging.ERROR)  # their warnings are about connections that come and go
    groups = sliders(scene)
    app = Application(FunctionHandler(lambda document: make_page(document, scene, name, groups)))
    hosts = [f"{host}:{port}" for host in (HOST, "localhost")]
    try:
        server = Server({"/": app}, address=HOST, port=port, allow_websocket_origin=hosts, use_index=False)
    except OSError as error:
        raise LenStreamError(f"--port {port}: cannot be used ({error.strerror}); expected a free port") from None
    server.start()
    return server


def _serve(server):
    """Run a server until a signal asks it to end."""
    loop = server.io_loop
    signals = [s for s in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)) if s is not None]
    with suppress(ValueError):  # not in the main thread
        for number in signals:
            signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))
    loop.start()
    server.unlisten()


def _open(address):
    with suppress(webbrowser.Error):
        webbrowser.open(address)


def _checked_port(port):
    if not 1 <= port <= 65535:
        raise LenStreamError(f"--port {port}: expected a number from 1 to 65535, or 0 for any free port")
    return port


def _free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
