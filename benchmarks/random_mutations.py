"""Small mutations of a Python file, from its syntax tree: the source of `mutants.py --random`."""

import ast
import re
from typing import NamedTuple

COMPARED = {
    ast.Lt: ("<", (">=", "<=")),
    ast.LtE: ("<=", (">", "<")),
    ast.Gt: (">", ("<=", ">=")),
    ast.GtE: (">=", ("<", ">")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
CALCULATED = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/",)),
    ast.Div: ("/", ("*",)),
    ast.FloorDiv: ("//", ("*",)),
    ast.Pow: ("**", ("*",)),
    ast.Mod: ("%", ("*",)),
}
TINY = 1e-6  # below it, and above its inverse, a constant keeps numbers finite and no test can tell its value
SYMMETRIC = ("min", "max", "minimum", "maximum", "hypot", "array_equal", "allclose")  # in their first two arguments
# Words for people, and what only type checkers read.
SKIPPED = (ast.Raise, ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)


class Mutation(NamedTuple):
    """One changed place in one file."""

    file: str  # relative to the root of the tree
    means: str  # in a few words
    old: str  # text that occurs once in the file
    new: str


def places_of(text):
    """All that can be changed in the text of a file, a list of (start, end, new text).

    Comparisons, operators, constants, arguments, conditions, `not` and signs; Python does not understand every one, see
    `mutation_at`.
    """
    source = _Source(text)
    return [change for node in _walk(ast.parse(text)) for change in _changes(node, source)]


def mutation_at(file, text, place):
    """The `Mutation` of one of the `places_of` a text; None where Python does not understand it."""
    start, end, new = place
    try:
        compile(text[:start] + new + text[end:], file, "exec")
    except SyntaxError:
        return None
    line, old = text.count("\n", 0, start) + 1, " ".join(text[start:end].split())
    return Mutation(
        file, f"line {line}: {old:.40} becomes {' '.join(new.split()) or 'nothing':.40}", *_unique(text, *place)
    )


class _Source:
    """A text in which the places of a syntax tree, lines and bytes, are found as numbers of characters."""

    def __init__(self, text):
        self.text, self.lines, self.first = text, text.splitlines(keepends=True), [0]
        for line in self.lines:
            self.first.append(self.first[-1] + len(line))

    def span(self, node):
        return self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)

    def _place(self, line, column):
        return self.first[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def of(self, node):
        start, end = self.span(node)
        return self.text[start:end]

    def between(self, left, right, operator):
        """Where an operator stands between two nodes."""
        start, end = self.span(left)[1], self.span(right)[0]
        pattern = r"\s+".join(map(re.escape, operator.split()))
        match = re.search(pattern, re.sub(r"#.*", lambda m: " " * len(m[0]), self.text[start:end]))
        return start + match.start(), start + match.end()


def _walk(node):
    """The nodes in which something can be changed: no messages, annotations, decorators and type checkers' imports."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, SKIPPED) and not _is_for_people(child):
                yield from _walk(child)


def _is_for_people(node):
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called.startswith(("log.", "console.", "warnings."))


def _changes(node, source):
    """(start, end, new text) of every change of one node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        old, news = COMPARED[type(node.ops[0])]
        place = source.between(node.left, node.comparators[0], old)
        yield from ((*place, new) for new in news)
    elif isinstance(node, ast.BinOp) and type(node.op) in CALCULATED and not _is_text(node):
        old, news = CALCULATED[type(node.op)]
        place = source.between(node.left, node.right, old)
        yield from ((*place, new) for new in news)
    elif isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield (*source.between(*node.values[:2], old), new)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield (*source.span(node), f"({source.of(node.operand)})")
    elif isinstance(node, ast.Constant) and not isinstance(node.value, str | bytes):
        yield from ((*source.span(node), new) for new in _other_constant(node.value))
    elif isinstance(node, ast.If | ast.IfExp):
        yield (*source.span(node.test), f"(not ({source.of(node.test)}))")
    elif isinstance(node, ast.Call):
        yield from _other_arguments(node, source)


def _is_text(node):
    """Whether strings are added, or what annotations and isinstance take are."""
    sides = node.left, node.right
    return any(
        isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str)) for s in sides
    )


def _other_constant(value):
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1)]
    if isinstance(value, float) and (value == 0 or TINY < abs(value) < 1 / TINY):
        return [repr(value * 1.5 if value else 1.0)]
    return []


def _other_arguments(call, source):
    """A call without one of its keywords, and with its first two arguments exchanged."""
    for keyword in call.keywords:
        if keyword.arg is not None and len(call.keywords) + len(call.args) > 1:
            start, end = source.span(keyword)
            before = source.text[:start].rstrip()
            if before.endswith(","):
                yield len(before) - 1, end, ""
    symmetric = source.of(call.func).rpartition(".")[2] in SYMMETRIC
    if (
        len(call.args) > 1
        and not symmetric
        and not any(isinstance(a, ast.Starred | ast.JoinedStr) for a in call.args[:2])
    ):
        first, second = call.args[:2]
        if source.of(first) != source.of(second):
            (start, middle), (next_, end) = source.span(first), source.span(second)
            yield start, end, source.text[next_:end] + source.text[middle:next_] + source.text[start:middle]


def _unique(text, start, end, new):
    """The change with so much around it, in whole lines, that its old text occurs once."""
    first, last = start, end
    while text.count(text[first:last]) > 1:
        first = text.rfind("\n", 0, max(first - 1, 0)) + 1
        last = text.find("\n", last + 1) if "\n" in text[last + 1 :] else len(text)
    return text[first:last], text[first:start] + new + text[end:last]
