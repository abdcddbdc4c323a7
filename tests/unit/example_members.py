"""Artifacts that stages read, made by hand: text in shards, and members whose weights are drawn."""

from pathlib import Path

import numpy as np

import kit
from manymasks.config.settings import identity
from manymasks.config.training import Size, Training, Variant
from manymasks.models.transformer import Transformer, initialise
from manymasks.store.job import Artifact
from manymasks.tokens.shards import write_shards
from manymasks.training.checkpoint import save_weights

VOCABULARY = 20
CONTEXT = 16
SIZES = {
    "tiny": Size(width=8, layers=1, heads=1, embedding_sd=1.0),
    "wide": Size(width=16, layers=2, heads=2, embedding_sd=1.0),
}


def text(folder: Path) -> Artifact:
    """Documents of a random text in which some tokens are frequent; the end of text is 0."""
    generator = np.random.default_rng(7)
    shares = 1 / np.arange(1, VOCABULARY)
    for split, documents in (("train", 30), ("measure", 8)):
        drawn = [
            (
                f"{split}-{i}",
                1 + generator.choice(VOCABULARY - 1, size=3 * CONTEXT, p=shares / shares.sum()),
                3 * CONTEXT,
            )
            for i in range(documents)
        ]
        write_shards(drawn, folder / split, vocabulary=VOCABULARY, end_of_text=0)
    return kit.artifact("tokens", folder)


def member(folder: Path, size: str, seed: int, status: str = "trained") -> Artifact:
    """A member of a size whose weights are drawn from a seed, and not trained."""
    folder.mkdir(parents=True)
    model = Transformer(SIZES[size], VOCABULARY, CONTEXT)
    initialise(model, [seed])
    # Drawn weights foretell all tokens as equally likely; these do not.
    model.W_U.data *= 20
    save_weights(model, 0, folder / "weights.safetensors")
    settings = {
        "size": identity(SIZES[size]),
        "variant": identity(Variant(gradient="causal")),
        "training": identity(Training(context=CONTEXT)),
    }
    figures = {"status": status, "vocabulary": VOCABULARY}
    return kit.artifact("training", folder, settings=settings, figures=figures)


def of_process(
    folder: Path, size: Size, vocabulary: int, context: int, seed: int, gradient: str = "causal"
) -> Artifact:
    """A member on documents of a process whose weights are drawn from a seed, and not trained."""
    folder.mkdir(parents=True)
    model = Transformer(size, vocabulary, context)
    initialise(model, [seed])
    save_weights(model, 0, folder / "weights.safetensors")
    settings = {
        "size": size.model_dump(mode="json"),
        "training": {"context": context, "shift": False},
        "variant": {"gradient": gradient},
    }
    figures = {"status": "trained", "vocabulary": vocabulary}
    return kit.artifact("training", folder, settings=settings, figures=figures)
