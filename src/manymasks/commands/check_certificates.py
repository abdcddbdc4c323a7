"""The certificates of a results folder, checked against the weights that they are about.

Nothing of the stage that wrote them is trusted: its bounds are re-derived from weights and points,
and must be those of its table.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from manymasks.arrays import Floats
from manymasks.commands.check_further_certificates import (
    check_further_certificates,
    layer_of,
    read_arrays,
)
from manymasks.errors import UserError
from manymasks.store.layout import Layout
from manymasks.store.manifest import all_manifests
from manymasks.universal.certificate import Certificate, check


def check_certificates(layout: Layout) -> str:
    """Re-derive the bounds of every certificate; a line that counts them, empty without any.

    Raises UserError for the first certificate that does not prove its bounds, whose bounds differ
    from the table, or whose weights are gone.
    """
    certificates = bounds = 0
    for manifest in all_manifests(layout, "universal"):
        folder = layout.folder("universal", manifest.key)
        claims = _claims(folder)
        for (model, step), (path, table) in claims.items():
            certificate, weights = _read(folder / path)
            if not np.array_equal(certificate.bounds, table):
                raise UserError(
                    f"{folder / path}: its bounds are not those of the table universal_bound, "
                    f"model {model} at step {step}. Make both again with\n"
                    f"  manymasks run universal {manifest.key} --force"
                )
            check(certificate, layer_of(layout, manifest, weights), str(folder / path))
            certificates += 1
            bounds += certificate.bounds.size
        for further in check_further_certificates(layout, manifest):
            certificates += 1
            bounds += further
    if not certificates:
        return ""
    return f"{certificates} certificates, {bounds} bounds: all re-derived from the weights"


def _claims(folder: Path) -> dict[tuple[str, int], tuple[str, Floats]]:
    """Path of the certificate, and the bounds of the table by token, of every model and step."""
    certificates = pq.read_table(folder / "tables" / "universal_certificate.parquet").to_pylist()
    rows = pq.read_table(
        folder / "tables" / "universal_bound.parquet",
        columns=["model", "step", "token_id", "log_p_bound"],
    ).to_pylist()
    by_member: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for row in rows:
        bounds = by_member.setdefault((row["model"], row["step"]), [])
        bounds.append((row["token_id"], row["log_p_bound"]))
    return {
        (row["model"], row["step"]): (
            row["certificate"],
            np.array([bound for _, bound in sorted(by_member[row["model"], row["step"]])]),
        )
        for row in certificates
    }


def _read(path: Path) -> tuple[Certificate, str]:
    """A certificate, and the key and file of its weights."""
    arrays = read_arrays(path, "digest", "points", "bounds", "weights")
    certificate = Certificate(str(arrays["digest"]), arrays["points"], arrays["bounds"])
    return certificate, str(arrays["weights"])
