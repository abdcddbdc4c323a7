"""myopia: what variants that differ in their gradients only cost, and what of it is planning."""

from collections.abc import Mapping, Sequence
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
    curve_rows,
    part_rows,
)
from manymasks.myopia.gap import myopia_rows
from manymasks.myopia.horizon import horizon_rows
from manymasks.myopia.ngram_baselines import BASELINES
from manymasks.stages.inputs.members import members_of
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Artifact, Job


def make(job: Job) -> dict[str, Any]:
    """Write myopia_gap, _arm, _part, _curve and _horizon, and contrast."""
    scored, members = members_of(job, "evaluation")
    trainings = {each.key: each for each in job.inputs["training"]}
    contrasts: tuple[Contrast, ...] = job.setting("contrasts", tuple[Contrast, ...])
    statistics = job.statistics
    sums = [np.load(each.file("sums.npz")) for each in scored]
    nats = np.stack([each["measure_nats"] for each in sums])
    tokens = sums[0]["measure_tokens"].astype(float)
    tables = myopia_rows(
        nats,
        tokens,
        sums[0]["edges"].tolist(),
        scored[0].figures["context"],
        members,
        contrasts,
        statistics,
    )

    arms = _arms(members, trainings)
    floors = np.load(job.input("ngram_baseline").file("sums.npz"))
    if not np.array_equal(floors["measure_tokens"], sums[0]["measure_tokens"]):
        raise UserError(
            f"{job.label}: the floors were scored on other tokens than the members. Make them "
            f"again with\n  manymasks run floor {job.input('ngram_baseline').key} --force"
        )
    losses = ScoredArms(
        members,
        nats.sum(axis=2),
        tokens.sum(axis=1),
        arms,
        {floor: floors[f"measure_{floor}"].sum(axis=1) for floor in BASELINES},
    )
    baseline = baseline_of(arms, contrasts)
    tables["myopia_arm"] = arm_rows(losses, baseline, statistics)
    parts = part_rows(losses, statistics)
    tables["myopia_part"] = parts["myopia_part"]
    tables["contrast"] += parts["contrast"]
    tables["myopia_horizon"] = horizon_rows(losses, baseline, statistics)
    curves = [_curve(trainings[member.model]) for member in members]
    pairs = list(contrasts)
    if baseline is not None:
        known = {(each.baseline, each.variant) for each in contrasts}
        others = [name for name in arms if name != baseline and (baseline, name) not in known]
        pairs += [Contrast(baseline=baseline, variant=name) for name in others]
    tables["myopia_curve"] = curve_rows(curves, members, pairs, statistics)
    job.write_tables(tables)
    return {"members": len(members), "gaps": len(tables["myopia_gap"]), "arms": len(arms)}


def _arms(members: Sequence[Member], trainings: Mapping[str, Artifact]) -> dict[str, Arm]:
    """How gradients flow in each variant, as its members were trained."""
    # What a member is built on did not fail, or the member had failed too.
    named = {member.model: member.variant for member in members}
    arms = {}
    for member in members:
        manifest = trainings[member.model].manifest
        settings = manifest.settings["variant"]
        past = manifest.inputs.get("past", ())
        arms[member.variant] = Arm(
            settings["gradient"], settings.get("gamma"), named[past[0].key] if past else None
        )
    return arms


def _curve(training: Artifact) -> Curve:
    """The points of the select curve whose loss was finite."""
    rows = pq.read_table(training.file("tables/training_curve.parquet")).to_pylist()
    return {
        row["step"]: (row["tokens"], row["nats"])
        for row in rows
        if row["split"] == "select" and row["nats"] is not None
    }
