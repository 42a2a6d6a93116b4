"""Tables of predictions for real lenses, beside published values, and how the two agree.

Angles such as theta_E are in arcsec; e1, e2 and slopes are pure numbers, in the frame that the column `frame` names.
"""

import numpy as np
import pandas as pd

SUMMARY_COLUMNS = [
    "target",
    "n",
    "bias",
    "scatter",
    "nmad",
    "rms",
    "mean_std",
    "published_spread",
    "correlation",
]


def prediction_table(cutouts, predictions, frame, flags, intervals=None):
    """Predictions as a table with one row a lens.

    Args:
        cutouts: the lenses, list of Cutout.
        predictions: {target: (mean (n,), standard deviation (n,))} in the order of `cutouts`.
        frame: of ellipticities, shears, offsets and angles, one of `frames.FRAMES`.
        flags: of each lens, the names of what is doubtful, as `flags.names` writes them.
        intervals: {target: as `tasks.posteriors.intervals`}, of targets with a posterior.

    Returns:
        A DataFrame with the columns name; <target> and <target>_std for each target, in the target's unit, and of a
        posterior <target>_low_68, _high_68, _low_95 and _high_95; masked
        (fraction of filled pixels); frame; flags ("" where nothing is doubtful).
    """
    table = pd.DataFrame({"name": [c.name for c in cutouts]})
    for target, (mean, std) in predictions.items():
        table[target] = np.asarray(mean, dtype=float)
        table[f"{target}_std"] = np.asarray(std, dtype=float)
        for name, end in (intervals or {}).get(target, {}).items():
            table[f"{target}_{name}"] = end
    table["masked"] = [c.masked for c in cutouts]
    table["frame"] = frame
    table["flags"] = flags
    return table


def beside_published(table, values):
    """A prediction table with <target>_published and <target>_difference = predicted - published for some targets.

    values: target -> (n,) in the frame of the table, NaN for lenses without a published value.
    """
    table = table.copy()
    for target, published in values.items():
        table[f"{target}_published"] = published
        table[f"{target}_difference"] = table[target] - table[f"{target}_published"]
    return table


def published_targets(table):
    """The targets of a prediction table that have at least one published value."""
    targets = [c.removesuffix("_difference") for c in table.columns if c.endswith("_difference")]
    return [t for t in targets if len(compared(table, t))]


def compared(table, target):
    """The rows that have both a prediction and a published value of `target`."""
    return table[np.isfinite(table[f"{target}_difference"])]


def summary(table):
    """How the predictions of `prediction_table` compare with the published values: one row a target.

    Columns: target; n lenses compared; bias, scatter, nmad (1.4826 x median absolute deviation) and rms of predicted -
    published; mean_std, the mean predicted uncertainty; published_spread, the standard deviation of the published
    values (the scatter of a constant guess); correlation of predicted and published. All but n and the correlation are
    in the target's unit; standard deviations divide by n - 1, and what one lens cannot give is NaN.
    """
    rows = []
    for target in published_targets(table):
        known = compared(table, target)
        difference = known[f"{target}_difference"].to_numpy()
        predicted, published = known[target].to_numpy(), known[f"{target}_published"].to_numpy()
        several = len(known) > 1
        varies = several and np.ptp(predicted) > 0 and np.ptp(published) > 0
        row = {
            "target": target,
            "n": len(known),
            "bias": difference.mean(),
            "scatter": difference.std(ddof=1) if several else np.nan,
            "nmad": 1.4826 * np.median(np.abs(difference - np.median(difference))),
            "rms": np.sqrt(np.mean(difference**2)),
            "mean_std": known[f"{target}_std"].mean(),
            "published_spread": published.std(ddof=1) if several else np.nan,
            "correlation": np.corrcoef(predicted, published)[0, 1] if varies else np.nan,
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
