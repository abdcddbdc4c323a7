"""Members scored on whole documents, each token once.

A document is cut into non-overlapping windows of the context's length; the first begins after an
end of text. A token's position is the number of tokens in its window before the one that predicts
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.analyses import Statistics
from manymasks.evaluation.loss_summary import split_loss
from manymasks.models.member_model import MemberModel
from manymasks.models.transformer import Transformer


@dataclass(frozen=True)
class Scores:
    """Sums by document and bucket of positions."""

    nats: Floats
    """(documents, buckets) summed loss in nats."""
    tokens: Ints
    """(documents, buckets) tokens scored."""
    top1: Ints
    """(documents,) true tokens that the member ranked first."""


def loss_columns(scores: Scores, text_bytes: int, statistics: Statistics) -> Row:
    """`split_loss` of a member, with the share of tokens that it ranked first."""
    loss = split_loss(scores.nats, scores.tokens, text_bytes, statistics)
    return {**loss, "top1": scores.top1.sum() / loss["tokens"], "bytes": text_bytes}


def document_rows(scores: Scores, names: Sequence[str], sizes: npt.NDArray[Any]) -> Rows:
    """Sums of each document, with its name and its size in bytes."""
    nats, tokens = scores.nats.sum(1), scores.tokens.sum(1)
    return [
        {
            "document": name,
            "nats": nats[i],
            "tokens": int(tokens[i]),
            "bytes": int(sizes[i]),
            "top1": int(scores.top1[i]),
        }
        for i, name in enumerate(names)
    ]


def windows_of(
    documents: Sequence[Ints], context: int, end_of_text: int
) -> tuple[Ints, Ints, Ints]:
    """Cut documents (token ids, their end of text included) into windows of `context` tokens.
    Returns tokens (windows, context + 1), inputs and targets, padded with the end of text, which
    also predicts the first token; the number of targets and the document of each window."""
    rows, lengths, owners = [], [], []
    for index, document in enumerate(documents):
        with_start = np.concatenate(([end_of_text], document))
        for begin in range(0, len(document), context):
            window = with_start[begin : begin + context + 1]
            row = np.full(context + 1, end_of_text, dtype=np.int64)
            row[: len(window)] = window
            rows.append(row)
            lengths.append(len(window) - 1)
            owners.append(index)
    return (
        np.array(rows, dtype=np.int64).reshape(-1, context + 1),
        np.array(lengths, dtype=np.int64),
        np.array(owners, dtype=np.int64),
    )


def score_documents(
    model: MemberModel,
    documents: Sequence[Ints],
    *,
    context: int,
    end_of_text: int,
    edges: Sequence[int],
    batch: int,
    past: Transformer | None = None,
    report: OnProgress = ignore_progress,
) -> list[Scores]:
    """Float64 sums of float32 losses: each token of each document once, for each member of a stack.

    `edges`: first positions of the buckets, rising from 0. `batch`: windows in one forward pass.
    `past`: for members that need a past, the stack that provides it. `report` takes windows done.
    """
    device = model.W_E.device
    rows, lengths, owners = windows_of(documents, context, end_of_text)
    bucket = np.searchsorted(np.asarray(edges), np.arange(context), side="right") - 1
    shape = model.members, len(documents)
    nats = np.zeros((*shape, len(edges)))
    tokens = np.zeros((len(documents), len(edges)), dtype=np.int64)
    top1 = np.zeros(shape, dtype=np.int64)
    # Sorted by length, to reduce padding.
    order = np.argsort(-lengths, kind="stable")
    with torch.no_grad():
        for begin in range(0, len(order), batch):
            chosen = order[begin : begin + batch]
            longest = int(lengths[chosen].max())
            windows = torch.from_numpy(rows[chosen, : longest + 1]).to(device)
            windows = windows.expand(model.members, -1, -1)
            inputs = None if past is None else past.inputs(windows[..., :-1])
            token_nats, tops = model.scores(windows, inputs)
            losses, hits = token_nats.double().cpu().numpy(), tops.cpu().numpy()
            real = np.arange(longest) < lengths[chosen, None]
            window, position = np.nonzero(real)
            owner = owners[chosen][window]
            np.add.at(tokens, (owner, bucket[position]), 1)
            for member in range(model.members):
                np.add.at(nats[member], (owner, bucket[position]), losses[member][real])
                np.add.at(top1[member], owner, hits[member][real])
            report(min(begin + batch, len(order)), len(order))
    return [Scores(nats[member], tokens, top1[member]) for member in range(model.members)]
