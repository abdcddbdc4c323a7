"""What a recurrent member predicts after a part of its state was replaced by that of another text.

A member reads a document up to a position, and its state, or a part of it, becomes that of another
document. It then reads on in the first document. With the whole state it predicts what it would
have predicted after the other beginning, so the target is the exact law of a document that begins
like the other and goes on like the first. The efficacy of an edit is

    1 - KL(target || edited) / KL(target || unedited),

summed over documents and the tokens read on: 0 without effect, 1 if the prediction is the target's.
`direction` moves the state along the directions of a ridge fit, by the least change with which the
fit reads the other document's posterior; `random` moves it as far in a random direction.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.config.analyses import Recurrence, Statistics
from manymasks.corpora.processes.process import Laws
from manymasks.models.recurrent_block import LayerState
from manymasks.models.recurrent_text import RecurrentText
from manymasks.models.transformer import Transformer
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    interval_over_documents,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.truth.state_reading import ReadingFit
from manymasks.truth.state_vectors import head_slices, state_of, states_after, vectors_of


def patch_rows(
    model: Transformer,
    tokens: Ints,
    laws: Laws,
    fits: Mapping[str, ReadingFit],
    settings: Recurrence,
    statistics: Statistics,
) -> Rows:
    """Rows of `state_patch`. `tokens` (documents, length): each is paired with the next one.
    `fits`: by latent, from whole states."""
    donors = np.roll(tokens, -1, 0)
    positions = [p for p in settings.patched if p + settings.read_on + 1 < tokens.shape[1]]
    own_states = dict(_states(model, tokens, positions))
    other_states = dict(_states(model, donors, positions))
    rows: Rows = []
    for position in positions:
        ahead = slice(position + 1, position + 1 + settings.read_on)
        mixed = np.concatenate([donors[:, : position + 1], tokens[:, position + 1 :]], 1)
        # The law of the token after each of those that are read on.
        target = laws(mixed)[:, position + 2 : position + 2 + settings.read_on]
        current, other = own_states[position], other_states[position]
        reader = RecurrentText(model, len(tokens))
        like = current[1]
        run = _Run(reader, tokens[:, ahead], target, like)
        unedited = run.errors(current[0])
        for scope, layer, head, edited in _edits(current[0], other[0], like, fits, settings.seed):
            rows.append(
                {"position": position, "scope": scope, "layer": layer, "head": head}
                | _efficacy(run.errors(edited), unedited, statistics)
            )
    return rows


class _Run:
    """Predictions of a member that reads on from any state."""

    def __init__(
        self, reader: RecurrentText, ahead: Ints, target: Floats, like: Sequence[LayerState]
    ) -> None:
        self._reader, self._like, self._target = reader, like, target
        self._ahead = torch.from_numpy(ahead)

    def errors(self, vectors: Tensor) -> Floats:
        """(documents,) sums of KL(target || prediction) in nats; NaN laws count as 0."""
        self._reader.state = state_of(vectors, self._like)
        logits = self._reader.read_all(self._ahead.to(vectors.device))
        log_p = logits.double().log_softmax(-1).cpu().numpy()[:, : self._target.shape[1]]
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(self._target > 0, self._target * (np.log(self._target) - log_p), 0.0)
        return np.asarray(np.nansum(terms, (1, 2)))


def _states(
    model: Transformer, tokens: Ints, positions: Sequence[int]
) -> Iterator[tuple[int, tuple[Tensor, list[LayerState]]]]:
    """The state after each position, as vectors and as it is."""
    for position, reader in states_after(model, tokens, positions):
        assert reader.state is not None
        yield position, (vectors_of(reader.state), reader.state)


def _edits(
    current: Tensor,
    other: Tensor,
    like: Sequence[LayerState],
    fits: Mapping[str, ReadingFit],
    seed: int,
) -> Iterator[tuple[str, int | None, int | None, Tensor]]:
    """Scope, layer and head of each edit, and the edited states (documents, values)."""
    yield "whole", None, None, other
    for (layer, head), places in head_slices(like).items():
        edited = current.clone()
        for place in places:
            edited[:, place] = other[:, place]
        yield ("layer" if head is None else "head"), layer, head, edited
    rng = np.random.default_rng(seed)
    for latent, fit in fits.items():
        wanted = fit(other.double().cpu().numpy()) - fit(current.double().cpu().numpy())
        change = wanted @ np.linalg.pinv(fit.weights)
        drawn = rng.standard_normal(change.shape)
        drawn *= np.linalg.norm(change, axis=1, keepdims=True) / np.linalg.norm(
            drawn, axis=1, keepdims=True
        )
        for scope, moved in ((f"direction {latent}", change), (f"random {latent}", drawn)):
            yield scope, None, None, current + torch.from_numpy(moved).to(current)


def _efficacy(edited: Floats, unedited: Floats, statistics: Statistics) -> Row:
    """Columns of an edit, from sums of errors by document."""
    weights = document_weights(len(edited), statistics.resamples, statistics.seed)
    sizes = np.ones(len(edited))
    resamples = 1 - ratio_resamples(edited, unedited, weights)
    return {
        "unedited_nats": finite(float(unedited.mean())),
        "edited_nats": finite(float(edited.mean())),
        **interval_over_documents(
            "efficacy", 1 - float(ratio(edited, unedited)), resamples, sizes, statistics.confidence
        ),
        **document_columns(sizes),
    }
