"""Convert the package's docstrings (English with `code`, sections Args, Returns, Raises) to reStructuredText."""

import re
from inspect import cleandoc

SECTION = re.compile(r"^(Args|Returns|Raises|Yields):\s*")
NAMES = r"\*{0,2}[a-z]\w*(?:, [a-z]\w*)*"  # of arguments
ITEM = re.compile(r"^(- |\d+\. )")


def restructured(lines):
    """The lines of a docstring as lines of reStructuredText that mean what a reader of the source sees."""
    out = []
    for block in blocks(cleandoc("\n".join(lines)).splitlines()):
        section = SECTION.match(block[0])
        if section:
            rest = block[0][section.end() :]
            listed = items([rest, *block[1:]] if rest else block[1:], arguments=section[1] == "Args")
            if len(listed) == 1:
                out.append(f"**{section[1]}:** {listed[0].removeprefix('- ')}")
            else:
                out += [f"**{section[1]}:**", "", *listed]
        elif ITEM.match(block[0]):
            out += items(block)
        elif all(line.startswith(" ") for line in block):
            out += ["::", "", *("    " + line for line in block)]
        else:
            out.append(escaped(joined(block)))
        out.append("")
    return out


def blocks(lines):
    """Runs of lines without a blank one; a section begins a new run, also one that is named within a line."""
    run = []
    for line in (part for whole in lines for part in re.split(r"(?<=[.)]) (?=(?:Returns|Raises): )", whole)):
        if not line.strip() or SECTION.match(line):
            if run:
                yield run
            run = []
        if line.strip():
            run.append(line)
    if run:
        yield run


def items(block, arguments=False):
    """A bullet list: an item is a line that is indented least, with what follows it further in.

    With `arguments`, "a: what it is. b: ..." within an item are two items with their names in bold.
    """
    least = min(len(line) - len(line.lstrip()) for line in block)
    runs = []
    for line in block:
        if len(line) - len(line.lstrip()) == least and (least or not runs or ITEM.match(line)):
            runs.append([ITEM.sub("", line.strip())])
        else:
            runs[-1].append(line)
    texts = [joined(item) for item in runs]
    if not arguments:
        return ["- " + escaped(text) for text in texts]
    texts = [part for text in texts for part in re.split(rf"(?<=\.) (?={NAMES}: )", text)]
    return ["- " + re.sub(rf"^({NAMES}): ", r"**\1**: ", escaped(text)) for text in texts]


def joined(lines):
    return " ".join(line.strip() for line in lines)


def escaped(text):
    """Text in which only `code` is markup."""
    parts = re.split(r"`([^`]*)`", text.replace("``", "`"))
    parts[::2] = [re.sub(r"([\\|*]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"\\ ``{part}``\\ " if part.strip() == part != "" else part for part in parts[1::2]]
    return "".join(parts)
