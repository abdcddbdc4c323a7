"""universal: what is proved of every prefix, which prefixes refute it, and whether members of a set
share their proofs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.analyses import Universal
from manymasks.config.corpora import ProcessCorpus
from manymasks.kinds.processes import PROCESSES
from manymasks.models.member_model import MemberModel
from manymasks.models.transformer import Transformer
from manymasks.probes.distance import train_counts
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.models import context_of, load_models
from manymasks.stages.inputs.output_layers import LAST, BoundedLayer, output_layer, weights_name
from manymasks.stages.inputs.weights import load_members
from manymasks.statistics.model_classes import Member, classes
from manymasks.store.job import Artifact, Job, NothingToCompare
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import Tokenizer, load
from manymasks.training.checkpoint import load_weights
from manymasks.training.device import choose_device
from manymasks.universal.any_length_tables import any_length_bounds
from manymasks.universal.ball import BallMaxima, ball_maxima
from manymasks.universal.certificate import OutputLayer, bounds_of_points
from manymasks.universal.checkpoint_layer import NotBounded
from manymasks.universal.elites import Archive, Elites, log_p_after, offer_windows
from manymasks.universal.lone_layer import is_lone_layer
from manymasks.universal.prefix_search import search_prefixes
from manymasks.universal.process_statements import MACHINES, ProcessStatements
from manymasks.universal.proof_sharing import (
    ProvedMember,
    statement_rows,
    transfer_pairs,
    transfer_row,
    transferred_bounds,
)
from manymasks.universal.short_prefixes import exhausted_length, offer_short_prefixes
from manymasks.universal.statement_tables import MemberStatements
from manymasks.universal.universal_tables import (
    bound_rows,
    certificate_row,
    witness_rows,
)

OF_MEMBERS = (
    "universal_bound", "universal_certificate", "witness", "attention_bound", "last_token_bound",
    "never_both", "never_first", "process_statement", "unbounded_member",
)  # fmt: skip
"""Tables with rows of single members."""
CHECKED = 4
"""Windows on which the error of float32 logits is measured."""


@dataclass(frozen=True)
class _Work:
    """What all members of a job share."""

    settings: Universal
    device: torch.device
    windows: Ints
    """(windows, context) of the train split."""
    counts: Ints
    """(vocabulary,) of the train split."""
    tokenizer: Tokenizer
    spelled: list[str]
    """(vocabulary,) tokens as text."""
    folder: Path
    """Of the certificates."""
    process: ProcessStatements | None
    """Of text that is drawn from a known process."""
    tables: dict[str, Rows]


def make(job: Job) -> dict[str, Any]:
    """Write a certificate for every member, and the tables `universal_bound`,
    `universal_certificate`, `witness`, `proof_transfer`, `statement_multiplicity`,
    `attention_bound`, `last_token_bound`, `never_both`, `never_first`, `process_statement` and
    `unbounded_member`. Raises NothingToCompare if the bounds apply to no member."""
    settings: Universal = job.setting("universal", Universal)
    trainings, members = members_of(job)
    train = TokenStream.open(job.input("tokens").files("train/"))
    context = context_of(trainings[0])
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    work = _Work(
        settings,
        choose_device(job.hardware.device),
        train.spread(settings.windows, context)[:, :context],
        train_counts(train.pieces(), train.vocabulary),
        tokenizer,
        [tokenizer.decode([token]) for token in range(train.vocabulary)],
        job.folder / "certificates",
        _process_statements(job, settings, context),
        {name: [] for name in OF_MEMBERS},
    )
    work.folder.mkdir()
    bounded: list[int] = []
    proved: list[ProvedMember] = []
    elites: list[Elites] = []
    for index, (training, member) in enumerate(zip(trainings, members, strict=True)):
        job.report(index, len(members), "members bounded")
        model = load_models([training], work.device)
        if settings.late and isinstance(model, Transformer):
            _bound_late_weights(work, training, member, model)
        try:
            final = _bound(work, training, member.model, model, step=None)
        except NotBounded as reason:
            job.say(f"{training.manifest.label}: no bounds: {reason}")
            work.tables["unbounded_member"].append({"model": member.model, "reason": str(reason)})
            continue
        bounded.append(index)
        statements = MemberStatements.of_layer(
            final.layer, final.maxima, work.counts, settings, work.device
        )
        witnesses = _witnesses(work, member, model, final.bounds, statements.archives)
        _write_statements(work, training, member, statements)
        if work.process is not None and isinstance(model, Transformer):
            work.tables["process_statement"] += [
                {"model": member.model, **row}
                for row in work.process.rows(model, final.bounds, work.windows, settings.batch)
            ]
        is_lone = isinstance(model, Transformer) and is_lone_layer(model.size)
        if settings.attention_tokens and is_lone:
            witnesses |= _any_length(work, training, member, final)
        elites.append(_best_of(witnesses))
        proved.append(
            ProvedMember(
                final.layer, final.maxima.points, final.bounds, elites[-1].log_p, member.seeds
            )
        )
    if not bounded:
        reasons = {row["reason"] for row in work.tables["unbounded_member"]}
        raise NothingToCompare(f"bounds apply to none of {len(members)} members: {min(reasons)}")
    job.say("comparing proofs of members")
    kept = [trainings[i] for i in bounded], [members[i] for i in bounded]
    tables = {**work.tables, **_shared(job, work, *kept, proved, elites)}
    job.write_tables(tables)
    bounds = np.stack([member.bounds for member in proved])
    return {
        "members": len(proved),
        "unbounded": len(members) - len(proved),
        "tokens": bounds.shape[1],
        "largest_gap": max(row["gap_largest"] for row in work.tables["universal_certificate"]),
        "proved_half": float((bounds <= np.log(0.5)).mean()),
    }


def _process_statements(job: Job, settings: Universal, context: int) -> ProcessStatements | None:
    """The statements of the process that the text is drawn from, if it has some."""
    if "process" not in job.settings:
        return None
    corpus: ProcessCorpus = job.setting("process", ProcessCorpus)
    if corpus.process not in MACHINES:
        return None
    parameters = {name: getattr(corpus, name) for name in PROCESSES[corpus.process].parameters}
    return ProcessStatements.of_machine(
        corpus.process,
        MACHINES[corpus.process](**parameters),
        possible=settings.possible_prefixes,
        short=settings.short_prefixes,
        context=context,
    )


@dataclass(frozen=True)
class _Bound:
    layer: OutputLayer
    maxima: BallMaxima
    bounds: Floats


def _bound(
    work: _Work, training: Artifact, model_key: str, model: MemberModel, step: int | None
) -> _Bound:
    """Bound all tokens of a member and write the certificate. `step`: of weights saved during
    training; None for the last ones. Raises NotBounded if the bounds do not apply."""
    ended: BoundedLayer = output_layer(training, model, step, work.windows[:CHECKED])
    layer, settings = ended.layer, work.settings
    maxima = ball_maxima(
        layer, tolerance=settings.gap, limit=settings.iterations, device=work.device
    )
    bounds = bounds_of_points(layer, maxima.points)
    names = {
        "model": model_key,
        "step": ended.step,
        "is_final": step is None,
    }
    certificate = model_key if step is None else f"{model_key}-{step}"
    np.savez(
        work.folder / f"{certificate}.npz",
        points=maxima.points,
        bounds=bounds.float32,
        digest=np.array(layer.digest),
        weights=np.array(weights_name(training, step)),
    )
    rows = bound_rows(layer, maxima, bounds, work.counts, work.spelled)
    row = certificate_row(layer, maxima, rows, settings.gap, ended.logit_error)
    row |= {"norm": ended.form, "mean_ratio": ended.mean_ratio}
    path = {"certificate": f"certificates/{certificate}.npz"}
    work.tables["universal_bound"] += [{**names, **row} for row in rows]
    work.tables["universal_certificate"].append({**names, **path, **row})
    return _Bound(layer, maxima, bounds.float32)


def _write_statements(
    work: _Work, training: Artifact, member: Member, statements: MemberStatements
) -> None:
    """Rows and certificate of what is proved of pairs and leads."""
    path = f"{member.model}-statements.npz"
    arrays = asdict(statements.certificate)
    np.savez(work.folder / path, weights_file=np.array(weights_name(training)), **arrays)
    tables = statements.tables(work.counts, work.spelled, work.tokenizer.decode)
    for table, rows in tables.items():
        named = {"model": member.model, "certificate": f"certificates/{path}"}
        work.tables[table] += [{**named, **row} for row in rows]


def _bound_late_weights(
    work: _Work, training: Artifact, member: Member, model: Transformer
) -> None:
    """Bound the weights that the member had during training; the last ones are in the model again
    afterwards."""
    files = [file.path for file in training.manifest.files if file.path.startswith("weights-")]
    steps = sorted(int(Path(path).stem.removeprefix("weights-")) for path in files)
    for step in steps:
        load_weights(model, 0, training.file(f"weights-{step}.safetensors"))
        _bound(work, training, member.model, model, step)
    load_weights(model, 0, training.file(LAST))


def _witnesses(
    work: _Work,
    member: Member,
    model: MemberModel,
    bounds: Floats,
    others: Sequence[Archive],
) -> dict[str, Elites]:
    """The best prefix for every token by method, and their rows. `others`: archives that are
    offered the same prefixes."""
    settings = work.settings
    witnesses = {"text": Elites.empty(len(bounds))}
    offer_windows(model, work.windows, settings.batch, witnesses["text"], *others)
    exhausted = exhausted_length(len(bounds), settings.short_prefixes, model.context)
    if exhausted:
        witnesses["short"] = Elites.empty(len(bounds))
        offer_short_prefixes(model, exhausted, witnesses["short"], *others)
    if settings.rounds:
        witnesses["search"] = _best_of(witnesses)
        search_prefixes(
            model,
            witnesses["search"],
            bounds,
            rounds=settings.rounds,
            candidates=settings.candidates,
            longest=settings.longest,
            batch=settings.candidates,
            seed=settings.seed,
            archives=others,
        )
    for method, elites in witnesses.items():
        length = exhausted if method == "short" else None
        work.tables["witness"] += [
            {"model": member.model, "exhausted": length, **row}
            for row in witness_rows(method, elites, bounds, work.tokenizer.decode)
        ]
    return witnesses


def _any_length(
    work: _Work, training: Artifact, member: Member, final: _Bound
) -> dict[str, Elites]:
    """Bound sampled tokens of a member of one layer by last token; the prefixes that come close, by
    method."""
    settings = work.settings
    context = training.manifest.settings["training"]["context"]
    longest = max(context, *settings.attention_lengths)
    model = load_members([training], work.device, context=longest)
    weights = {name: weight.cpu().numpy() for name, weight in model.weights_of(0).items()}
    bounded = any_length_bounds(
        model, weights, final.maxima.points, final.bounds, work.counts, work.spelled, settings
    )
    named = {"model": member.model}
    path = f"{member.model}-last.npz"
    np.savez_compressed(
        work.folder / path,
        weights_file=np.array(f"{training.key}/{LAST}"),
        **asdict(bounded.certificate),
    )
    work.tables["attention_bound"] += [
        {**named, "certificate": f"certificates/{path}", **row} for row in bounded.rows
    ]
    work.tables["last_token_bound"] += [{**named, **row} for row in bounded.last_rows]
    for method, elites in bounded.witnesses.items():
        work.tables["witness"] += [
            {**named, "exhausted": None, **row}
            for row in witness_rows(method, elites, final.bounds, work.tokenizer.decode)
        ]
    return bounded.witnesses


def _best_of(witnesses: dict[str, Elites]) -> Elites:
    """The best prefix for every token over all methods."""
    methods = list(witnesses.values())
    best = methods[0].copy()
    for elites in methods[1:]:
        for token in np.flatnonzero(elites.log_p > best.log_p):
            best.log_p[token] = elites.log_p[token]
            best.prefixes[token] = elites.prefixes[token]
    return best


def _shared(
    job: Job,
    work: _Work,
    trainings: Sequence[Artifact],
    members: Sequence[Member],
    proved: Sequence[ProvedMember],
    elites: Sequence[Elites],
) -> dict[str, Rows]:
    """Rows on what members share: of pairs, and of Rashomon sets of trained members."""
    position = {member.model: i for i, member in enumerate(members)}
    sets: dict[str, tuple[int, ...]] = {}
    for artifact in job.inputs.get("rashomon", ()):
        content = json.loads(artifact.file("sets.json").read_text(encoding="utf-8"))
        for entry in content["sets"]:
            if entry["method"] == "trained":
                kept = tuple(position[key] for key in entry["members"] if key in position)
                if len(kept) > 1:
                    sets[entry["rashomon_set"]] = kept
    groups = list(dict.fromkeys(sets.values()))
    pairs = transfer_pairs({label: group.tolist() for label, group in classes(members).items()})
    moved, by_mean = transferred_bounds(proved, pairs, groups)
    away = _witnesses_away(work, trainings, pairs, elites)
    statements = {
        group: statement_rows(
            [proved[i] for i in group], shared, work.settings.thresholds, job.statistics.confidence
        )
        for group, shared in zip(groups, by_mean, strict=True)
    }
    return {
        "proof_transfer": [
            {
                "source_model": members[source].model,
                "target_model": members[target].model,
                **transfer_row(proved[source], proved[target], bounds, away[source, target]),
            }
            for (source, target), bounds in moved.items()
        ],
        "statement_multiplicity": [
            {"rashomon_set": name, **row}
            for name, group in sets.items()
            for row in statements[group]
        ],
    }


def _witnesses_away(
    work: _Work,
    trainings: Sequence[Artifact],
    pairs: Sequence[tuple[int, int]],
    elites: Sequence[Elites],
) -> dict[tuple[int, int], Floats]:
    """ln P in a target after the best prefixes of a source, for pairs of the two."""
    away: dict[tuple[int, int], Floats] = {}
    tokens = np.arange(len(work.counts))
    for target, training in enumerate(trainings):
        sources = [source for source, other in pairs if other == target]
        if not sources:
            continue
        model = load_models([training], work.device)
        prefixes = [prefix for source in sources for prefix in elites[source].prefixes]
        values = log_p_after(model, prefixes, np.tile(tokens, len(sources)), work.settings.batch)
        for source, part in zip(sources, np.split(values, len(sources)), strict=True):
            away[source, target] = part
    return away
