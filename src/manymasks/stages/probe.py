"""probe: contexts of one family at all its severities, and how far they are from training."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from manymasks.config.analyses import Statistics
from manymasks.config.probes import Probe
from manymasks.probes.distance import distance_rows, train_counts
from manymasks.probes.families import FAMILIES, contexts
from manymasks.probes.windows import Tokens
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import load

PIECE = 2**20
"""Tokens of the train split that are counted at once."""


def make(job: Job) -> dict[str, Any]:
    """Write contexts.npz and the tables `probe` and `probe_distance`."""
    settings: Probe = job.setting("probe", Probe)
    tokens = job.input("tokens")
    streams = {split: TokenStream.open(tokens.files(f"{split}/")) for split in ("train", "measure")}
    train = streams["train"]
    unigrams = train_counts(_pieces(train), train.vocabulary)
    found = contexts(
        settings,
        _Documents(streams[FAMILIES[settings.family].split]),
        context=job.settings["context"],
        end_of_text=train.end_of_text,
        counts=unigrams,
        tokenizer=load(job.input("tokenizer").file("tokenizer.json")),
    )
    np.savez(job.folder / "contexts.npz", tokens=found.tokens, documents=np.array(found.documents))
    name = job.settings["name"]
    job.write_table(
        "probe",
        [
            {
                "probe": name,
                "severity": severity,
                "corpus": job.settings["corpus"],
                "family": settings.family,
                "description": description,
                "windows": found.tokens.shape[1],
                "scored": found.scored,
                "documents": len(set(found.documents)),
                "changed": changed,
            }
            for severity, (description, changed) in enumerate(
                zip(found.descriptions, found.changed(), strict=True)
            )
        ],
    )
    statistics: Statistics = job.setting("statistics", Statistics)
    rows = distance_rows(name, found, _pieces(train), unigrams, statistics)
    job.write_table("probe_distance", rows)
    return {
        "severities": found.tokens.shape[0],
        "windows": found.tokens.shape[1],
        "scored": found.scored,
    }


def _pieces(stream: TokenStream) -> Iterator[Tokens]:
    """All positions of a stream, some at a time."""
    for begin in range(0, stream.positions, PIECE):
        length = min(PIECE, stream.positions - begin)
        yield stream.gather(np.array([begin]), length)[0]


class _Documents(Sequence[tuple[str, Tokens]]):
    """Documents of a stream, each read when it is asked for."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream

    def __len__(self) -> int:
        return len(self._stream.documents)

    @overload
    def __getitem__(self, place: int) -> tuple[str, Tokens]: ...
    @overload
    def __getitem__(self, place: slice) -> list[tuple[str, Tokens]]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._stream.documents[place], self._stream.document(place)
