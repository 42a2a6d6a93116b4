"""The scores of refined estimates as a table: one row a start, in the terminal, in the report and beside other runs."""

import pandas as pd

from ..results import ALL

HEADINGS = {  # of the columns of all targets together
    "within_3_limits": "right",
    "trusted": "trusted",
    "seconds": "s a lens",
}
MEANING = (
    "Estimates refined by the simulator, by what they start from. right: share of lenses within 3 bounds of the "
    "information limit in all parameters at once. / limit: the median error over that of an estimate at the limit; "
    "in brackets the RMSE, and that of the start. trusted: share with a good chi2 and ascents that agree. 68 %: share "
    "of true values within the quoted errors."
)


def refined_rows(refined, heads):
    """The table: a DataFrame of text with a row for each start, or None if nothing was refined.

    Args: refined: `results.frame(scores, refined=True)`. heads: `results.frame(scores)`, for the RMSE of the starts.
    """
    if refined.empty:
        return None
    values = {(s.encoder, s.target, s.metric): s.value for s in refined.itertuples()}
    targets = [t for t in dict.fromkeys(refined.target) if t != ALL]
    rows = {}
    for start in dict.fromkeys(refined.encoder):
        own = {name: values.get((start, ALL, metric)) for metric, name in HEADINGS.items()}
        cells = {"right": _share(own["right"])}
        for target in targets:
            ratio, rmse = (values.get((start, target, metric)) for metric in ("error_over_limit", "rmse"))
            before = _before(heads, start, target)
            was = "" if before is None else f", from {before:.2g}"
            cells[f"{target} / limit"] = f"{'-' if ratio is None else f'{ratio:.2f}'} ({rmse:.2g}{was})"
        coverage = [values[start, t, "coverage_68"] for t in targets]
        cells["68 %"] = _share(sum(coverage) / len(coverage))
        rows[start] = cells | {"trusted": _share(own["trusted"]), "s a lens": f"{own['s a lens']:.2f}"}
    return pd.DataFrame.from_dict(rows, orient="index")


def _before(heads, start, target):
    """The RMSE of a start's best head with the most labels at a target; None for starts that predict nothing."""
    own = heads[(heads.encoder == start) & (heads.target == target) & (heads.metric == "rmse")]
    own = own[own.n_labels == own.n_labels.max()]
    return None if own.empty else float(own.groupby("protocol").value.mean().min())


def _share(value):
    return "-" if value is None else f"{value:.0%}"
