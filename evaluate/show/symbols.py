"""Write parameter names for people: symbols and units, for figures and for HTML.

Units and symbols are those of `configs.quantities`. Any other name, such as that of an encoder, stands as it is.
"""

import html
import re

from ...configs.quantities import find

_TOKENS = re.compile(r"\\[A-Za-z]+|\\.|[^\\ ]")


def unit(name):
    """The unit of a parameter; '' for a pure number and for a name that is no parameter."""
    quantity = find(name)
    return quantity.unit if quantity else ""


def after_number(name):
    """What follows a number in a parameter's unit: '"' for arcsec, ' rad', or nothing."""
    words = unit(name)
    return {"arcsec": '"', "": ""}.get(words, f" {words}")


def symbol(name):
    """A parameter's symbol as matplotlib draws it, or any other name as it is ('$' would start a formula)."""
    quantity = find(name)
    return f"${quantity.symbol}$" if quantity else name.replace("$", r"\$")


def with_unit(name):
    """An axis label: symbol and unit."""
    return symbol(name) + (f" [{unit(name)}]" if unit(name) else "")


def symbol_as_html(name):
    """A parameter's symbol as safe HTML, theta_E as &theta;<sub>E</sub>; None for a name that is no parameter."""
    quantity = find(name)
    return to_html(quantity.symbol) if quantity else None


def to_html(latex):
    """The LaTeX of a symbol (Greek letters, _, ^, braces, mathrm) as HTML."""
    return _group(iter([*_TOKENS.findall(latex), "}"]))


def _group(tokens):
    """HTML of the tokens up to the brace that closes the group."""
    out = ""
    for token in tokens:
        if token == "}":
            return out
        tag = {"_": "sub", "^": "sup"}.get(token)
        out += f"<{tag}>{_argument(next(tokens), tokens)}</{tag}>" if tag else _argument(token, tokens)
    return out


def _argument(token, tokens):
    """HTML of one token, or of the group that it opens."""
    if token == r"\mathrm":
        token = next(tokens)
    if token == "{":
        return _group(tokens)
    if token[1:].isalpha() and token[0] == "\\":
        return f"&{token[1:]};"  # HTML's names of Greek letters are LaTeX's
    return html.escape(token.removeprefix("\\"))
