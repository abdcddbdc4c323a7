"""Tokens scored in a second by a checkpoint, beside `transformers` alone, and memory with a large
vocabulary.

    python tests/benchmarks/bench_pretrained.py

The checkpoint is a GPT-NeoX of 14 million parameters with drawn weights. `transformers` alone is a
loop that takes all logits of a window at once and their cross-entropy.
"""

import resource
import tempfile
from pathlib import Path

import numpy as np
import timing
import tokenizers
import torch
import transformers
from tokenizers import decoders, pre_tokenizers

import manymasks as mm

VOCABULARY = 50_304
LARGE_VOCABULARY = 151_936
CONTEXT = 1024
WINDOWS = 2
THREADS = 1


def checkpoint(folder: Path, vocabulary: int, **shape: int) -> None:
    """Save a checkpoint with drawn weights and a tokenizer of bytes."""
    config = transformers.GPTNeoXConfig(
        vocab_size=vocabulary, max_position_embeddings=CONTEXT, bos_token_id=0, eos_token_id=0,
        **shape,
    )  # fmt: skip
    transformers.GPTNeoXForCausalLM(config).save_pretrained(folder)
    alphabet = {name: i + 1 for i, name in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={"<s>": 0, **alphabet}, merges=[]))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=library, bos_token="<s>", eos_token="<s>"
    ).save_pretrained(folder)


def peak_mb() -> float:
    """The largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    torch.set_num_threads(THREADS)
    generator = np.random.default_rng(0)
    ids = generator.integers(0, VOCABULARY, WINDOWS * CONTEXT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        checkpoint(folder / "large", LARGE_VOCABULARY, intermediate_size=64, **small)
        large = mm.load(folder / "large")
        before = peak_mb()
        loss = large.loss(ids)
        logits_mb = 4 * CONTEXT * LARGE_VOCABULARY / 2**20
        print(
            f"vocabulary {LARGE_VOCABULARY:,}: loss {loss:.2f}, {peak_mb() - before:.0f} MB more "
            f"at the peak; the logits of one window are {logits_mb:.0f} MB"
        )
        shape = {"hidden_size": 128, "num_hidden_layers": 6, "num_attention_heads": 4}
        checkpoint(folder / "small", VOCABULARY, intermediate_size=512, **shape)
        model = mm.load(folder / "small")
        alone = transformers.AutoModelForCausalLM.from_pretrained(folder / "small").eval()
        read = torch.from_numpy(np.concatenate(([0], ids[:-1]))).view(WINDOWS, CONTEXT)
        targets = torch.from_numpy(ids).view(WINDOWS, CONTEXT)

        @torch.no_grad()
        def by_transformers() -> None:
            for window, true in zip(read, targets, strict=True):
                logits = alone(input_ids=window[None], use_cache=False).logits[0]
                torch.nn.functional.cross_entropy(logits, true, reduction="none")

        what = f"{len(ids):,} tokens of a checkpoint, and by transformers alone"
        timing.compare(what, lambda: model.nats(ids), by_transformers, repeats=5)


if __name__ == "__main__":
    main()
