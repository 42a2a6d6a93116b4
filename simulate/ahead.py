"""Things made ahead in a thread, while their user works on earlier ones."""

import os
import queue
import sys
import threading

NICENESS = 5  # of the thread, where the system has one for each: it takes the gaps that a training leaves to a core


class Ahead:
    """make(0), make(1), ... without end, `waiting` of them ready; what `make` raises is raised for who asks.

    Use as a context manager, or call `close`, to end the thread.
    """

    def __init__(self, make, waiting):
        self._make = make
        self._ready = queue.Queue(maxsize=waiting)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        number = 0
        if sys.platform == "linux":  # elsewhere this would be the niceness of the whole process
            os.setpriority(
                os.PRIO_PROCESS, threading.get_native_id(), max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
            )
        try:
            while not self._closing.is_set():
                self._hand_over(self._make(number))
                number += 1
        except Exception as error:  # raised again in the thread that asks
            self._hand_over(error)

    def _hand_over(self, item):
        while not self._closing.is_set():
            try:
                return self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def __iter__(self):
        return self

    def __next__(self):
        if self._closing.is_set():
            raise StopIteration
        item = self._ready.get()
        if isinstance(item, Exception):
            self.close()
            raise item
        return item

    def close(self):
        """End the thread; what is ready is dropped."""
        self._closing.set()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
