"""What other catalogues call a parameter: columns that may be meant, and the setting that takes them."""

import re

RATIOS = ("q", "b/a", "b_a", "ba", "axis_ratio", "axisratio")
_OTHER_NAMES = {  # what other catalogues call a parameter, in small letters without other signs
    "name": (
        *("name", "id", "lens", "lensname", "system", "object", "objectname", "target", "sdssname", "objid", "names"),
    ),
    "theta_E": (
        *("thetae", "thetaein", "thetaeinstein", "thetaesie", "thetaepl", "thetaearcsec", "bsie", "bein", "rein"),
        *("reinstein", "einsteinradius", "einstrad", "rsie", "b", "thein", "the", "re"),
    ),
    "gamma": ("slope", "gammaprime", "gammap", "gammapl", "gammaepl", "gammatot", "gammalens"),
    "q": ("qsie", "qlens", "qmass", "qepl", "axratio"),
}
_LIKE_RATIO = re.compile(r"(q|b[_/ ]?a|axis_?ratio|ellipticity)([_ ].*)?|.*[_ ]q|q(sie|lens|mass|epl)|axratio")
_LIKE_ANGLE = re.compile(r"(pa|pos(ition)?[_ ]?ang(le)?|phi|angle)([_ ].*)?|theta|.*[_ ](pa|phi)|pa(sie|lens|mass|epl)")


def offer(target, columns):
    """' Is ...?' with the setting that takes a column as a parameter, if one is called as elsewhere; else nothing."""
    plain = {re.sub("[^a-z0-9]", "", str(column).lower()): column for column in columns}
    column = next((plain[n] for n in _OTHER_NAMES.get(target, ()) if n in plain), None)
    if column is None:
        return ""
    return f" Is {column} the column for {target}? Then say so: {_setting(f'{target}: {column}')}."


def offer_shape(columns):
    """' Is ...?' with the setting that takes columns as an axis ratio and an angle, if two may be; else nothing."""
    plain = {str(column).strip().lower(): column for column in columns}
    ratio = next((column for name, column in plain.items() if _LIKE_RATIO.fullmatch(name)), None)
    angle = next((column for name, column in plain.items() if _LIKE_ANGLE.fullmatch(name)), None)
    if ratio is None or angle is None:
        return ""
    pairs = [] if str(ratio).lower() in RATIOS else [f"q: {ratio}"]
    pairs.append(f"{'phi' if 'phi' in str(angle).lower() else 'PA'}: {angle}")
    return (
        f" Is {ratio} the axis ratio and {angle} the angle of the major axis? Then say so: {_setting(*pairs)} (PA: "
        "from North through East; phi: from +x of the array)."
    )


def _setting(*pairs):
    """How `real_lenses.columns` is given: in a config and on the command line."""
    options = " ".join(f"--column {pair.replace(': ', '=', 1)}" for pair in pairs)
    return f"real_lenses.columns: {{{', '.join(pairs)}}}, or {options}"
