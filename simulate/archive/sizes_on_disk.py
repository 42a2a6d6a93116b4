"""How many bytes a dataset takes."""

from math import prod

from ..systems.draw import Views
from ..systems.scene import Scene
from .description import Description
from .samples import make_samples


def bytes_of_images(scene: Scene, views: Views) -> int:
    """Of a system's images."""
    return _bytes_of_one(*make_samples(scene, [], views).images.values())


def bytes_of_systems(scene: Scene, description: Description) -> int:
    """Of a system on disk, about: images, masks and labels, these also in the table."""
    like = make_samples(scene, [], description.drawn_views)
    return _bytes_of_one(*like.images.values(), *like.masks.values(), *2 * list(like.labels.values()))


def in_words(size: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _bytes_of_one(*arrays):
    return sum(array.dtype.itemsize * prod(array.shape[1:]) for array in arrays)
