"""A results folder with trained members, and checkpoints of `transformers` beside it."""

from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers import decoders, pre_tokenizers

import kit
from manymasks.config.settings import identity
from manymasks.config.training import Size, Training, Variant
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer, initialise
from manymasks.store.manifest import InputReference, write_manifest
from manymasks.tokens.tokenizer import Tokenizer
from manymasks.training.checkpoint import save_weights

CONTEXT = 24
SIZE = Size(width=16, layers=2, heads=2, embedding_sd=1.0)
CAUSAL = Variant(gradient="causal")


def key_of(number: int) -> str:
    return f"{number:012x}"


class Results:
    """A results folder with a tokenizer, text, and members as they are added."""

    def __init__(self, root: Path, tokenizer: Tokenizer) -> None:
        self.root, self.tokenizer, self.count = root, tokenizer, 0
        tokenizer.save(self._folder("tokenizer", key_of(1)) / "tokenizer.json")
        self._complete("tokenizer", key_of(1))
        figures = {"source": "a fox", "licence": "none needed"}
        self._folder("corpus", key_of(2))
        self._complete("corpus", key_of(2), figures=figures)
        self._folder("tokens", key_of(3))
        self._complete("tokens", key_of(3), inputs={"corpus": 2, "tokenizer": 1})

    def _folder(self, stage: str, key: str) -> Path:
        folder = self.root / stage / key
        folder.mkdir(parents=True)
        return folder

    def _complete(
        self, stage: str, key: str, inputs: dict[str, int] | None = None, **fields: Any
    ) -> None:
        folder = self.root / stage / key
        references = {
            role: (InputReference(role, key_of(number), key_of(number).ljust(64, "0")),)
            for role, number in (inputs or {}).items()
        }
        files = kit.payload(folder)
        made = kit.manifest(stage, key=key, inputs=references, files=files, **fields)
        write_manifest(folder / "manifest.json", made)

    def member(
        self, size: Size = SIZE, variant: Variant = CAUSAL, status: str = "trained"
    ) -> Transformer:
        """Add a member; it is `mine/base/causal/i0-o0` with a count in its seeds."""
        key = key_of(16 + self.count)
        folder = self._folder("training", key)
        model = Transformer(size, self.tokenizer.vocabulary, CONTEXT, [Route(variant.gradient)])
        initialise(model, [self.count])
        model.W_U.data *= 20
        save_weights(model, 0, folder / "weights.safetensors")
        settings = {
            "size": identity(size),
            "variant": identity(variant),
            "training": identity(Training(context=CONTEXT)),
        }
        name = f"{size.positions}-{size.mlp}/{variant.gradient}"
        self._complete(
            "training", key, inputs={"tokens": 3}, settings=settings,
            label=f"training/mine/{name}/i{self.count}-o{self.count}",
            figures={"status": status, "vocabulary": self.tokenizer.vocabulary, "parameters": 9},
        )  # fmt: skip
        self.count += 1
        return model.eval()


END = "<|endoftext|>"


def byte_level() -> tokenizers.Tokenizer:
    """A tokenizer of bytes with an end of text, as those of checkpoints."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {name: number for number, name in enumerate([END, *alphabet])}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens([END])
    return library


def checkpoint(
    folder: Path, architecture: str, seed: int, vocabulary: int = 257, **changes: Any
) -> Any:
    """Save a tiny checkpoint whose weights are drawn from a seed; the model."""
    import transformers

    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes = {"intermediate_size": 32, "max_position_embeddings": 32, "vocab_size": vocabulary}
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    settings = {**shape, **sizes, **ends, "initializer_range": 0.3, **changes}
    config = transformers.AutoConfig.for_model(architecture, **settings)
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=byte_level(), bos_token=END, eos_token=END
    ).save_pretrained(folder)
    return model
