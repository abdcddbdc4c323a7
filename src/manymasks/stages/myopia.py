"""myopia: what a variant's restricted gradients cost, and how much of it is planning."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from manymasks.config.analyses import Contrast
from manymasks.errors import UserError
from manymasks.myopia.arms import (
    Arm,
    Curve,
    ScoredArms,
    arm_rows,
    baseline_of,
    curve_contrasts,
    curve_rows,
    part_rows,
)
from manymasks.myopia.gap import myopia_rows
from manymasks.myopia.horizon import horizon_rows
from manymasks.myopia.ngram_baselines import BASELINES
from manymasks.stages.inputs.members import members_of
from manymasks.statistics.model_classes import Members
from manymasks.store.job import Artifact, Job


def make(job: Job) -> dict[str, Any]:
    """Write myopia_gap, _arm, _part, _curve and _horizon, and contrast."""
    evaluations, members = members_of(job, "evaluation")
    contrasts: tuple[Contrast, ...] = job.setting("contrasts", tuple[Contrast, ...])
    statistics = job.statistics
    sums = [np.load(evaluation.file("sums.npz")) for evaluation in evaluations]
    nats = np.stack([arrays["measure_nats"] for arrays in sums])
    tokens = sums[0]["measure_tokens"].astype(float)
    tables = myopia_rows(
        nats,
        tokens,
        sums[0]["edges"].tolist(),
        evaluations[0].figures["context"],
        members,
        contrasts,
        statistics,
    )
    trainings = {training.key: training for training in job.inputs["training"]}
    arms = _arms(members, trainings)
    ngram = np.load(job.input("ngram_baseline").file("sums.npz"))
    if not np.array_equal(ngram["measure_tokens"], sums[0]["measure_tokens"]):
        raise UserError(
            f"{job.label}: the n-gram baselines were scored on other tokens than the members. Make "
            f"them again with\n  manymasks run ngram_baseline {job.input('ngram_baseline').key} "
            "--force"
        )
    scored = ScoredArms(
        members,
        nats.sum(axis=2),
        tokens.sum(axis=1),
        arms,
        {name: ngram[f"measure_{name}"].sum(axis=1) for name in BASELINES},
    )
    baseline = baseline_of(arms, contrasts)
    tables["myopia_arm"] = arm_rows(scored, baseline, statistics)
    parts = part_rows(scored, statistics)
    tables["myopia_part"] = parts["myopia_part"]
    tables["contrast"] += parts["contrast"]
    tables["myopia_horizon"] = horizon_rows(scored, baseline, statistics)
    curves = [_curve(trainings[member.model]) for member in members]
    pairs = curve_contrasts(arms, baseline, contrasts)
    tables["myopia_curve"] = curve_rows(curves, members, pairs, statistics)
    job.write_tables(tables)
    return {"members": len(members), "gaps": len(tables["myopia_gap"]), "arms": len(arms)}


def _arms(members: Members, trainings: Mapping[str, Artifact]) -> dict[str, Arm]:
    """Each variant with its gradient, as its members were trained."""
    # A source of a member did not fail, or the member had failed too.
    variants = {member.model: member.variant for member in members}
    arms = {}
    for member in members:
        manifest = trainings[member.model].manifest
        settings = manifest.settings["variant"]
        past = manifest.inputs.get("past", ())
        arms[member.variant] = Arm(
            settings["gradient"], settings.get("gamma"), variants[past[0].key] if past else None
        )
    return arms


def _curve(training: Artifact) -> Curve:
    """The points of the select curve with a finite loss."""
    rows = pq.read_table(training.file("tables/training_curve.parquet")).to_pylist()
    return {
        row["step"]: (row["tokens"], row["nats"])
        for row in rows
        if row["split"] == "select" and row["nats"] is not None
    }
