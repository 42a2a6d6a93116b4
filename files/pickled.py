"""Pickles of names, numbers and NumPy's arrays, read without unpickling: by a small machine that knows nothing else.

`pickletools` splits the bytes into instructions, which are followed here one by one. No module is imported, no function
of a pickle is looked up or called, and an array is made only from bytes that are there. Whatever else a pickle asks for
is refused in a sentence that names it.
"""

import mmap
import os
import pickletools
import re
from typing import NamedTuple

import numpy as np

from .unreadable import Unreadable, check_is_file, reading

MOST_STEPS = 20_000_000  # instructions; a list of a million names has three million
LONG = 4096  # bytes from which on a piece stays in the file until it is used
BINSTRING = b"T"  # the instruction
VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
OPENING = {"EMPTY_LIST": list, "EMPTY_SET": list, "EMPTY_DICT": dict}  # a set of names is as good as a list
STORING, FETCHING = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
KNOWN = {  # what may be asked for by name, and what stands for it here
    **{f"numpy.{core}.multiarray _reconstruct": "array" for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": "scalar" for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": "buffer" for core in ("core", "_core")},
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",  # of bytes, in pickles of protocol 2 and older
}
TYPE = re.compile(r"[biufSU]\d{1,4}|O8")


class Refused(Exception):
    """A pickle asks for something that is not known here; the message goes on from "it"."""


class Name(NamedTuple):
    """Stands for a function or class that a pickle names."""

    what: str  # a value of `KNOWN`


class Box:
    """An array or a type that a pickle makes first and fills later; `value` is None until then.

    Of an array of objects the value is the list of what it holds.
    """

    def __init__(self, what):
        self.what, self.value, self.shape = what, None, ()


def read(path, form="a pickle", start=0):
    """What a pickle holds: lists, tuples, dicts with names as keys, str, bytes, numbers, NumPy arrays in a `Box`.

    Args: form: words for the format, for messages. start: byte of the file at which the pickle begins.
    Raises: Unreadable (a DataError) if the file is absent, damaged, or asks for anything else, of which nothing is run.
    """
    check_is_file(path, form)
    with reading(path, form):
        try:
            return _follow(pickletools.genops(_Bytes(_mapped(path), start)))
        except Refused as refused:
            raise Unreadable(path, form, f"it is a pickle that {refused}") from None
        except (IndexError, KeyError, AttributeError, TypeError):
            raise Unreadable(path, form, "it is a damaged pickle") from None


def unboxed(value):
    """What is in a `Box`: an array, a list or a number; any other value as it is."""
    return value.value if isinstance(value, Box) else value


def _mapped(path):
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise EOFError
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class _Bytes:
    """A file for `pickletools`: short pieces are read, long ones are views into the file, read when they are used.

    A long text of Python 2 is read, as `pickletools` decodes it.
    """

    def __init__(self, held, at):
        self._held, self._view, self._at, self._byte = held, memoryview(held), at, b""

    def read(self, n):
        piece = self._view[self._at : self._at + n]
        self._at += len(piece)
        if n > LONG and self._byte != BINSTRING:
            return piece
        piece = bytes(piece)
        self._byte = piece if n == 1 else self._byte  # before a long piece, the instruction
        return piece

    def readline(self):
        end = self._held.find(b"\n", self._at)
        return bytes(self.read((len(self._view) if end < 0 else end + 1) - self._at))

    def tell(self):
        return self._at


def _follow(instructions):
    """The object that instructions make."""
    stack, outer, memo = [], [], {}  # outer: the stacks below the marks
    for step, (op, arg, _) in enumerate(instructions):
        if step > MOST_STEPS:
            raise Refused(f"has more than {MOST_STEPS:,} instructions")
        name = op.name
        if name in VALUES:
            stack.append(arg)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in OPENING:
            stack.append(OPENING[name]())
        elif name in STORING:
            memo[int(arg)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in FETCHING:
            stack.append(memo[int(arg)])
        elif name == "MARK":
            outer.append(stack)
            stack = []
        elif name in ("TUPLE", "LIST", "FROZENSET"):
            made, stack = stack, outer.pop()
            stack.append(tuple(made) if name == "TUPLE" else made)
        elif name == "DICT":
            made, stack = stack, outer.pop()
            stack.append(_with({}, made))
        elif name in ("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
            n = 0 if name == "EMPTY_TUPLE" else int(name[-1])
            stack[len(stack) - n :] = [tuple(_last(stack, n))]
        elif name in ("APPENDS", "ADDITEMS", "SETITEMS"):
            made, stack = stack, outer.pop()
            _with(stack[-1], made)
        elif name in ("APPEND", "SETITEM"):
            made = _last(stack, 1 if name == "APPEND" else 2)
            del stack[len(stack) - len(made) :]
            _with(stack[-1], made)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            if name == "STACK_GLOBAL":
                arg = " ".join(map(str, _last(stack, 2)))
                del stack[-2:]
            stack.append(_named(arg))
        elif name == "REDUCE":
            function, arguments = _last(stack, 2)
            stack[-2:] = [_made(function, arguments)]
        elif name == "BUILD":
            _fill(*_last(stack, 2))
            stack.pop()
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise Refused(f"has the instruction {name}, and only those of lists, names and plain arrays are followed")
    raise EOFError


def _last(stack, n):
    """The last n of a stack. Raises: IndexError if it has fewer."""
    if len(stack) < n:
        raise IndexError
    return stack[len(stack) - n :]


def _with(collection, made):
    """A list or dict with more in it."""
    if isinstance(collection, list):
        collection.extend(made)
    elif isinstance(collection, dict) and len(made) % 2 == 0:
        keys = made[::2]
        if not all(isinstance(key, str | int) for key in keys):
            raise Refused("has a dict whose keys are no names")
        collection.update(zip(keys, made[1::2], strict=True))
    else:
        raise Refused("adds to what is neither a list nor a dict")
    return collection


def _named(words):
    if words not in KNOWN:
        asked = words.replace(" ", ".")[:80]
        shown = asked if asked.isprintable() else ascii(asked)
        raise Refused(f"asks for {shown}, which is never run: only names, numbers and plain arrays are read")
    return Name(KNOWN[words])


def _made(function, arguments):
    """What a call stands for: an empty array or a type, a number, or the bytes of a text."""
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise Refused("calls what is no function")
    if function.what == "array" and arguments[:1] == (Name("ndarray"),):
        return Box("array")
    if function.what == "dtype" and isinstance(arguments[0], str):
        return _type(arguments[0])
    if function.what == "scalar":
        box = _filled(Box("number"), (), arguments[0], False, arguments[1])
        box.value = box.value[()]
        return box
    if function.what == "buffer":
        data, type_, shape, order = arguments
        return _filled(Box("array"), shape, type_, order == "F", data)
    if function.what == "encode" and arguments[1:] in ((), ("latin1",), ("latin-1",)) and isinstance(arguments[0], str):
        return arguments[0].encode("latin-1")
    raise Refused(f"calls {function.what} in a way that no array needs")


def _type(word):
    if TYPE.fullmatch(word) is None:
        raise Refused(f"has an array of the type {word[:40]!a}")
    box = Box("dtype")
    box.value = np.dtype(word)
    return box


def _fill(box, state):
    """Give an array its shape, type and bytes, or a type its order of bytes."""
    if not isinstance(box, Box) or not isinstance(state, tuple):
        raise Refused("sets the state of what is no array")
    if box.what == "dtype":
        order, plain = state[1], state[2:5] == (None, None, None)
        if not plain or order not in ("<", ">", "|", "="):
            raise Refused("has an array of records")
        box.value = box.value.newbyteorder(order)
    else:
        _filled(box, *state[-4:])


def _filled(box, shape, type_, fortran, data):
    """A box with the array of a shape, a type and bytes, of which there have to be as many as that needs."""
    if not isinstance(type_, Box) or type_.what != "dtype" or not isinstance(shape, tuple) or len(shape) > 8:
        raise Refused("has an array without a type or shape")
    if not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in shape):
        raise Refused("has an array of an impossible shape")
    count = int(np.prod(shape, dtype=object))
    box.shape = shape
    if type_.value.kind == "O":
        if not isinstance(data, list) or len(data) != count:
            raise Refused("has an array of objects that are not there")
        box.value = data
        return box
    if isinstance(data, str):  # as Python 2 wrote bytes
        data = data.encode("latin-1")
    if not isinstance(data, bytes | bytearray | memoryview) or len(data) != count * type_.value.itemsize:
        raise Refused("has an array with more or fewer bytes than its shape needs")
    box.value = np.frombuffer(data, type_.value).reshape(shape, order="F" if fortran else "C")
    return box
