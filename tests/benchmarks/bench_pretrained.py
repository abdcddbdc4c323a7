"""Tokens scored in a second by a checkpoint, beside `transformers` alone, and memory with a large
vocabulary.

    python tests/benchmarks/bench_pretrained.py

The checkpoint is a GPT-NeoX of 14 million parameters with drawn weights. It is scored as the stage
`evaluation` does it, and as a notebook does. `transformers` alone is a loop that takes all logits
of a batch of windows and their cross-entropy. Memory is what a process holds at the peak beyond
what it held before, of the models themselves nothing: of `evaluation`, and of `divergence` with
its setting `memory_mb`.
"""

import tempfile
from pathlib import Path

import numpy as np
import timing
import tokenizers
import torch
import transformers
from tokenizers import decoders, pre_tokenizers

import manymasks as mm
from manymasks.config.analyses import Divergence
from manymasks.divergence.probe_pass import ProbePass, ProbeWindows
from manymasks.evaluation.document_losses import score_documents
from manymasks.models.hugging_face import load_causal
from manymasks.models.pretrained_stack import PretrainedStack

VOCABULARY = 50_304
LARGE_VOCABULARY = 151_936
CONTEXT = 1024
DOCUMENTS = 4
BATCH = 2
THREADS = 1
MEMBERS = 2
SCORED = 64
CPU = torch.device("cpu")


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


def memory_mb(name: str) -> float:
    """VmRSS or VmHWM, the memory of this process now or at its peak."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith(name)]
    return int(line.split()[1]) / 1024


def forget_peak() -> float:
    """Let the peak begin at the memory of now, which is returned."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return memory_mb("VmRSS")


def memory_of_a_large_vocabulary(folder: Path) -> None:
    """Print the memory of both stages."""
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    checkpoint(folder, LARGE_VOCABULARY, intermediate_size=64, **small)
    causal = [load_causal(folder, CPU, "float32") for _ in range(MEMBERS)]
    stacks = [PretrainedStack([model], LARGE_VOCABULARY, 0) for model in causal]
    drawn = np.random.default_rng(0).integers(0, LARGE_VOCABULARY, (8, CONTEXT + 1))
    before = forget_peak()
    score_documents(
        stacks[0], drawn[:BATCH, :-1], context=CONTEXT, end_of_text=0, edges=[0], batch=BATCH
    )
    whole = 4 * BATCH * CONTEXT * LARGE_VOCABULARY / 2**20
    print(
        f"vocabulary {LARGE_VOCABULARY:,}: evaluation holds {memory_mb('VmHWM') - before:.0f} MB; "
        f"logits of its batch are {whole:.0f} MB"
    )
    settings = Divergence()
    windows = ProbeWindows([drawn[:, : 2 * SCORED]], np.array(["a"]), np.zeros(8, int), SCORED)
    before = forget_peak()
    with torch.no_grad():
        ProbePass(
            windows, stacks, [], [np.arange(MEMBERS)], None, settings, 0, lambda ids: ""
        ).severity(0, lambda done: None)
    whole = 4 * MEMBERS * len(drawn) * SCORED * LARGE_VOCABULARY / 2**20
    print(
        f"  divergence with memory_mb {settings.memory_mb} holds "
        f"{memory_mb('VmHWM') - before:.0f} MB; laws of its positions are {whole:.0f} MB"
    )


def tokens_per_second(folder: Path) -> None:
    """Print times beside those of `transformers` alone."""
    shape = {"hidden_size": 128, "num_hidden_layers": 6, "num_attention_heads": 4}
    checkpoint(folder, VOCABULARY, intermediate_size=512, **shape)
    documents = np.random.default_rng(0).integers(1, VOCABULARY, (DOCUMENTS, CONTEXT))
    stack = PretrainedStack([load_causal(folder, CPU, "float32")], VOCABULARY, 0)
    alone = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    read = torch.from_numpy(np.pad(documents, ((0, 0), (1, 0)))[:, :-1])
    targets = torch.from_numpy(documents)
    model = mm.load(folder)

    @torch.no_grad()
    def by_transformers(batch: int) -> None:
        for window, true in zip(read.split(batch), targets.split(batch), strict=True):
            logits = alone(input_ids=window, use_cache=False).logits
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), true.flatten())

    def by_stage() -> None:
        score_documents(
            stack, list(documents), context=CONTEXT, end_of_text=0, edges=[0], batch=BATCH
        )

    what = f"{documents.size:,} tokens of a checkpoint, by transformers alone"
    timing.compare(f"evaluation: {what}", by_stage, lambda: by_transformers(BATCH), repeats=5)
    timing.compare(
        f"notebook: {what}",
        lambda: model.nats(documents.flatten()),
        lambda: by_transformers(1),
        repeats=5,
    )


def main() -> None:
    torch.set_num_threads(THREADS)
    print(timing.machine())
    with tempfile.TemporaryDirectory() as name:
        memory_of_a_large_vocabulary(Path(name) / "large")
        tokens_per_second(Path(name) / "small")


if __name__ == "__main__":
    timing.start_well()
    main()
