"""Folders to train on, pipes, devices, loops of links and odd names."""

import os
import random
from collections.abc import Iterator

import numpy as np

from .arrays import npy, npz, stack
from .cases import ACCEPT, REFUSE, Case, config_of, damaged, trained
from .images import lens


def training_folders(chance: random.Random) -> Iterator[Case]:
    """Folders of images to train on, in which something else lies."""

    def case(name, fill, expected=None):
        def make(folder):
            place = folder / "images"
            place.mkdir()
            fill(place)
            return trained(folder, f"pretrain.data={{path: {place}}}", "evaluate=null")

        return Case("folders", name, make, expected)

    def write(place, **files):
        for name, data in files.items():
            path = place / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    good = npy(lens())
    yield case("good", lambda p: write(p, **{f"{k}_dot_npy": npy(lens(k)) for k in range(4)}), ACCEPT)
    yield case("empty", lambda p: None, REFUSE)
    yield case("another shape", lambda p: write(p, a_dot_npy=good, b_dot_npy=npy(np.ones((9, 9)))), REFUSE)
    yield case("text", lambda p: write(p, a_dot_txt=b"x"), REFUSE)
    yield case("300 broken", lambda p: [write(p, **{f"a{k}_dot_npy": b"x"}) for k in range(300)], REFUSE)
    yield case("files beside classes", lambda p: write(p, x__a_dot_npy=good, b_dot_npy=good), REFUSE)
    yield case("30 levels", lambda p: write(p, **{"d__" * 30 + "a_dot_npy": good}), None)
    yield case("a folder called a.npy", lambda p: (p / "a.npy").mkdir(), REFUSE)
    for k in range(25):
        data = damaged(npz(images=stack()), chance)
        yield case(f"one damaged of three {k}", lambda p, d=data: write(p, a_dot_npy=good, b_dot_npy=good, c_dot_npz=d))


def strange_places(chance: random.Random) -> Iterator[Case]:
    """Pipes, devices, loops of links and odd names where a file or folder is expected."""
    users = {
        "images": lambda folder, path: trained(folder, f"real_lenses.images={path}"),
        "data": lambda folder, path: trained(folder, f"pretrain.data={{path: {path}}}", "evaluate=null"),
        "psf": lambda folder, path: config_of(f"simulate.observation.psf={{kind: pixel, file: {path}}}"),
        "map": lambda folder, path: config_of(f"simulate.lens_mass=[{{profile: INTERPOL, file: {path}}}]"),
        "galaxies": lambda folder, path: config_of(
            f"simulate.source=[{{profile: INTERPOL, catalogue: {path}, magnitude: 23, R_half: 0.3}}]"
        ),
        "table": lambda folder, path: config_of(
            f"simulate.lens_mass.0.theta_E={{table: {{file: {path}, column: theta_E}}}}"
        ),
        "weights": lambda folder, path: trained(folder, f"pretrain.backbone.weights={path}", "evaluate=null"),
        "recipe": lambda folder, path: ["config", str(path)],
        "runs": lambda folder, path: ["config", "w1", "--runs", str(path)],
    }
    suffixes = {"images": ".fits", "data": ".npy", "psf": ".fits", "map": ".npz", "galaxies": ".fits", "table": ".csv"}
    suffixes |= {"weights": ".safetensors", "recipe": ".yaml", "runs": ""}
    places = {
        "pipe": os.mkfifo,
        "device": lambda p: p.symlink_to("/dev/zero"),
        "terminal": lambda p: p.symlink_to("/dev/stdin"),
        "loop": lambda p: p.symlink_to(p),
        "nowhere": lambda p: p.symlink_to("/nowhere"),
        "folder": lambda p: p.mkdir(),
        "unreadable": lambda p: (p.write_bytes(b"x"), p.chmod(0)),
        "memory": lambda p: p.symlink_to("/proc/self/mem"),
    }
    for user, arguments in users.items():
        for name, put in places.items():

            def make(folder, put=put, arguments=arguments, suffix=suffixes[user]):
                path = folder / f"place{suffix}"
                put(path)
                return arguments(folder, path)

            yield Case("places", f"{user}: {name}", make, None if user == "runs" else REFUSE)
        for name in ("", "/", "x" * 300, "/proc/self/fd", "a\0b", "~nobody/x", "\udcff", "/dev/../dev/zero"):

            def odd(folder, name=name, arguments=arguments):
                return arguments(folder, name)

            yield Case("places", f"{user}: {ascii(name)[:30]}", odd)
        if user in ("images", "data", "psf", "galaxies"):

            def inside(folder, arguments=arguments, suffix=suffixes[user]):
                (folder / "in").mkdir()
                os.mkfifo(folder / "in" / f"a{suffix}")
                return arguments(folder, folder / "in")

            yield Case("places", f"{user}: a pipe in a folder", inside, REFUSE)

            def around(folder, arguments=arguments):
                (folder / "in" / "b").mkdir(parents=True)
                (folder / "in" / "b" / "c").symlink_to(folder / "in")
                return arguments(folder, folder / "in")

            yield Case("places", f"{user}: a folder in itself", around, REFUSE)
