"""Certificates of bounds by last token, of pairs and of leads, checked against the weights."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file

from manymasks.arrays import Floats
from manymasks.config.training import Size
from manymasks.errors import UserError
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, read_manifest
from manymasks.universal.certificate import OutputLayer
from manymasks.universal.cone_certificate import (
    LastTokenCertificate,
    check_last_tokens,
)
from manymasks.universal.never_both import StatementCertificate, check_statements

Arrays = Mapping[str, npt.NDArray[Any]]


def check_further_certificates(layout: Layout, manifest: Manifest) -> Iterator[int]:
    """Re-derive the bounds of every certificate of a universal artifact beside those over the ball;
    the number of bounds of each. Raises UserError for the first certificate that does not prove its
    bounds, whose bounds differ from the tables, or whose weights are gone."""
    folder = layout.folder("universal", manifest.key)
    pairs, firsts = _rows(folder, "never_both"), _rows(folder, "never_first")
    for path in sorted({row["certificate"] for row in (*pairs, *firsts)}):
        yield _check_statements(layout, manifest, folder / path, path, pairs, firsts)
    alone, by_last = _rows(folder, "attention_bound"), _rows(folder, "last_token_bound")
    stored = {(row["certificate"], row["model"]) for row in alone if row.get("certificate")}
    for path, model in sorted(stored):
        claims = [row for row in by_last if row["model"] == model]
        maxima = [row for row in alone if row["model"] == model]
        yield _check_last_tokens(layout, manifest, folder / path, claims, maxima)


def _check_statements(
    layout: Layout,
    manifest: Manifest,
    file: Path,
    path: str,
    pairs: list[dict[str, Any]],
    firsts: list[dict[str, Any]],
) -> int:
    names = tuple(StatementCertificate.__dataclass_fields__)
    arrays = dict(read_arrays(file, *names, "weights_file"))
    layer = layer_of(layout, manifest, str(arrays.pop("weights_file")))
    certificate = StatementCertificate(str(arrays.pop("digest")), **arrays)
    claims: list[tuple[float, ...]] = [
        (row["token_a_id"], row["token_b_id"], row["log_p_bound"])
        for row in pairs
        if row["certificate"] == path
    ]
    _expect(file, "never_both", claims, [*certificate.pairs.T, certificate.both])
    claims = [(row["token_id"], row["lead_bound"]) for row in firsts if row["certificate"] == path]
    _expect(file, "never_first", claims, [certificate.tokens, certificate.leads])
    check_statements(certificate, layer, str(file))
    return len(certificate.both) + len(certificate.leads)


def _check_last_tokens(
    layout: Layout,
    manifest: Manifest,
    file: Path,
    claims: list[dict[str, Any]],
    maxima: list[dict[str, Any]],
) -> int:
    from manymasks.universal.lone_layer import lone_reach

    names = tuple(LastTokenCertificate.__dataclass_fields__)
    arrays = dict(read_arrays(file, *names, "weights_file"))
    name = str(arrays.pop("weights_file"))
    weights = weights_of(layout, manifest, name)
    first, second = (str(digest) for digest in arrays.pop("digests"))
    certificate = LastTokenCertificate((first, second), **arrays)
    # A bound by last token is the lower one of its proof and that over the ball, which has its own.
    balls = {row["token_id"]: row["log_p_ball"] for row in maxima}
    _expect_bounds_of_the_ball(file, layout, manifest, maxima)
    ball = np.array([balls.get(token, np.nan) for token in certificate.tokens.tolist()])
    bounds: Floats = np.minimum(certificate.bounds, ball[:, None])
    tokens, lasts = np.indices(bounds.shape)
    table: list[tuple[float, ...]] = [
        (row["token_id"], row["last_id"], row["log_p_bound"]) for row in claims
    ]
    columns = [certificate.tokens[tokens.ravel()], lasts.ravel(), bounds.ravel()]
    _expect(file, "last_token_bound", table, columns)
    table = [(row["token_id"], row["log_p_bound"]) for row in maxima]
    _expect(file, "attention_bound", table, [certificate.tokens, bounds.max(axis=1)])
    training = read_manifest(layout.manifest("training", name.partition("/")[0]))
    size = Size.model_validate(training.settings["size"])
    reach = lone_reach(weights, size, str(file))
    check_last_tokens(certificate, OutputLayer.of_weights(weights), reach, str(file))
    return int(certificate.bounds.size)


def _expect_bounds_of_the_ball(
    file: Path, layout: Layout, manifest: Manifest, maxima: list[dict[str, Any]]
) -> None:
    """That bounds over the ball are those of `universal_bound`, whose proofs are checked there."""
    folder = layout.folder("universal", manifest.key)
    proved = {
        (row["model"], row["token_id"]): row["log_p_bound"]
        for row in _rows(folder, "universal_bound")
        if row["is_final"]
    }
    for row in maxima:
        if proved.get((row["model"], row["token_id"])) != row["log_p_ball"]:
            raise UserError(
                f"{file}: the table attention_bound has the bound {row['log_p_ball']} over the "
                f"ball for token {row['token_id']}, which is not that of universal_bound"
            )


def _expect(
    file: Path,
    table: str,
    rows: Sequence[tuple[float, ...]],
    columns: Sequence[npt.NDArray[Any]],
) -> None:
    """That rows of a table are those of a certificate, in any order."""
    claims = np.array(sorted(rows), np.float64).reshape(len(rows), len(columns))
    proved = np.column_stack([column.astype(np.float64) for column in columns])
    if not np.array_equal(claims, proved[np.lexsort(proved.T[::-1])]):
        raise UserError(
            f"{file}: its bounds are not those of the table {table}. Make both again with\n"
            f"  manymasks run universal {file.parent.parent.name} --force"
        )


def _rows(folder: Path, table: str) -> list[dict[str, Any]]:
    path = folder / "tables" / f"{table}.parquet"
    # Artifacts of earlier code lack tables.
    return pq.read_table(path).to_pylist() if path.exists() else []


def read_arrays(path: Path, *names: str) -> Arrays:
    """Arrays of a certificate. Raises UserError if it cannot be read or lacks one."""
    try:
        with np.load(path) as arrays:
            return {name: arrays[name] for name in names}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: is not a readable certificate ({error})") from error


def layer_of(layout: Layout, manifest: Manifest, name: str) -> OutputLayer:
    """The output layer of the weights `key/file`, or of the checkpoint `key/folder`, which must be
    an input of the stage."""
    key = name.partition("/")[0]
    if _stage_of(manifest, key) == "training":
        return OutputLayer.of_weights(weights_of(layout, manifest, name))
    from manymasks.stages.inputs.output_layers import stored_layer

    path = layout.manifest("pretrained", key)
    return stored_layer(Artifact(path.parent, read_manifest(path)))


def _stage_of(manifest: Manifest, key: str) -> str:
    """The stage of a member that is an input of a universal artifact."""
    for reference in manifest.inputs["training"]:
        if reference.key == key:
            return reference.stage
    raise UserError(
        f"universal/{manifest.key}: a certificate is about the weights of {key}, which are not "
        "among its inputs"
    )


def weights_of(layout: Layout, manifest: Manifest, name: str) -> Arrays:
    """The weights `key/file`, which must be an input of the stage."""
    key, _, file = name.partition("/")
    _stage_of(manifest, key)
    path = layout.folder("training", key) / file
    try:
        weights: Arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}), and universal/{manifest.key} has a certificate "
            f"about these weights. Make them again with\n  manymasks run training {key} --force"
        ) from error
    return weights
