"""Write numbers with the digits that mean something, and columns of numbers with their points in line.

Of digits: one of the uncertainty, or two if it starts with 1, as rounding 0.14 to 0.1 would change it by a third.
"""

import math
import re
from decimal import Decimal

_NUMBER = re.compile(r"\d+(\.\d+)?")
_MOST_DECIMALS = 6  # smaller numbers are written with a power of ten
_MOST_ZEROS = 6  # at the end of whole numbers; larger ones, too
_ROUNDING = 1e-7  # of a float32 number: what is less than that share of a value says nothing of its digits


def plus_minus(value, std, alone=".3f"):
    """'1.22 ± 0.04': one digit of the uncertainty, two if it starts with 1, and the value down to the same digit.

    Args: value, std: finite or not, in one unit. alone: the format of a value whose uncertainty is not known.
    Returns: text; '' for a value that is not finite. Large numbers lose digits as well (1230 ± 60), very large and
        small ones are written as (1.2 ± 0.3)e10 and (1.2 ± 0.3)e-9.
    """
    if not math.isfinite(value):
        return ""
    if not math.isfinite(std) or std < 0:
        return _without_minus_zero(f"{value:{alone}}")
    if std == 0:
        return f"{_without_minus_zero(f'{value:{alone}}')} ± 0"
    power = math.floor(math.log10(max(abs(value), std)))
    if decimals(std) < -_MOST_ZEROS or (decimals(std) > _MOST_DECIMALS and power < -2):
        return f"({plus_minus(_shifted(value, power), _shifted(std, power))})e{power:d}"
    if decimals(std) > _MOST_DECIMALS and std < _ROUNDING * abs(value):
        return f"{_without_minus_zero(f'{value:{alone}}')} ± {std:.0e}"
    return f"{rounded(value, std)} ± {rounded(std, std)}"


def _shifted(value, power):
    """A value over 10^power, also where that is no float, as of the smallest numbers."""
    return float(Decimal(value).scaleb(-power))


def rounded(value, std):
    """A finite value as text, down to the last digit that an uncertainty > 0 leaves meaning."""
    last = decimals(std)
    return _without_minus_zero(f"{round(value, last):.{max(last, 0)}f}")


def decimals(std):
    """How many decimals an uncertainty > 0 leaves meaning; negative for tens and hundreds."""
    mantissa, power = f"{std:.1e}".split("e")
    return int(mantissa.startswith("1")) - int(power)


def _without_minus_zero(text):
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def percent(share, digits=".0f"):
    """A share as "5 %", by the format of its digits; the space does not break, a minus is one."""
    return with_minus(f"{100 * share:{digits}}\N{NO-BREAK SPACE}%")


def with_minus(text):
    """Numbers with minus signs in place of hyphens, but not in powers of ten."""
    return re.sub(r"(?<!e)-(?=[\d.])", "\N{MINUS SIGN}", text)


def aligned(cells, blank=" "):
    """Texts of one column, padded so that in a table that ends them in a line all their points stand below each other.

    blank: what is as wide as a digit; in HTML a figure space, with digits of one width.
    """
    longest = {}
    for cell in cells:
        for k, number in enumerate(_NUMBER.finditer(cell)):
            longest[k] = max(longest.get(k, 0), len(number[1] or ""))
    padded = [_pad_numbers(cell, longest, blank) for cell in cells]
    tails = [len(cell) - _units_end(cell) for cell in padded]
    most = max(tails, default=0)
    return [cell + blank * (most - tail) if cell else cell for cell, tail in zip(padded, tails, strict=True)]


def _pad_numbers(cell, longest, blank):
    """A text in which the k-th number is followed by as many blanks as its decimals lack."""
    out, end = "", 0
    for k, number in enumerate(_NUMBER.finditer(cell)):
        out += cell[end : number.end()] + blank * (longest[k] - len(number[1] or ""))
        end = number.end()
    return out + cell[end:]


def _units_end(cell):
    """Where the digits before the first point end; the end of a text without digits."""
    number = re.search(r"\d+", cell)
    return number.end() if number else len(cell)
