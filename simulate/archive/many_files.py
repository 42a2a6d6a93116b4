"""Writing thousands of small files: several at once, as most of the time is spent waiting for the disk."""

from concurrent.futures import ThreadPoolExecutor

from ...files.whole import whole

AT_ONCE = 16  # files


def write_many(folder, contents):
    """Write files, each whole or not at all, and the folders that they lie in.

    contents: pairs of a path in the folder and bytes. Raises: OSError that names one that cannot be written; others may
    then be there or not.
    """
    made = set()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = []
        for name, content in contents:
            path = folder / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            waiting.append(pool.submit(_write, path, content))
            if len(waiting) > 4 * AT_ONCE:
                waiting.pop(0).result()
        for left in waiting:
            left.result()


def _write(path, content):
    with whole(path) as file:
        file.write(content)
