"""Rows of one severity that do not come from sums over pairs of members."""

from manymasks.arrays import Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.anova import Crossing, component_rows
from manymasks.divergence.calibration import calibration_rows, item_rows
from manymasks.divergence.pair_tables import floor_means
from manymasks.divergence.probe_pass import AtSeverity, ProbeWindows
from manymasks.statistics.bootstrap import document_columns, document_weights, ratio_interval
from manymasks.statistics.intervals import finite_columns
from manymasks.statistics.model_classes import Members


def severity_rows(
    measured: AtSeverity,
    members: Members,
    crossed: Crossing | None,
    windows: ProbeWindows,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of probe_item, calibration_bin, position_divergence, position_prediction,
    behaviour_component (with a crossing) and probe_distance (with reference seeds), without probe
    and severity."""
    tables = {
        "probe_item": item_rows(measured.items, members, windows.documents),
        "calibration_bin": calibration_rows(measured.items, members, windows.owners, statistics),
        "position_divergence": measured.shown,
        "position_prediction": [
            {**row, "model": members[row["model"]].model} for row in measured.predictions
        ],
    }
    if crossed is not None and measured.anova is not None:
        floor = float(floor_means(measured.floor)["kl"][crossed.members.ravel()].mean())
        tables["behaviour_component"] = component_rows(measured.anova, crossed, floor, statistics)
    if measured.reference is not None:
        # The reference seeds are fixed: the interval is over documents.
        tokens = measured.sums.tokens
        weights = document_weights(tokens.size, statistics.resamples, statistics.seed)
        loss = ratio_interval(measured.reference, tokens, weights, statistics.confidence)
        columns = dict(zip(("value", "low", "high"), loss, strict=True))
        row = {"measure": "reference_nats"} | document_columns(tokens)
        tables["probe_distance"] = [row | finite_columns(**columns)]
    return tables
