"""python tests/benchmarks/bench_training.py: a step of myopic against causal training.

One thread, float32, vocabulary 1,024, batch 16, context 128 and 256.
"""

from collections.abc import Callable

import torch
from timing import compare

from manymasks.config.study import Size
from manymasks.models.transformer import Transformer, initialise
from manymasks.training.device import choose_device
from manymasks.training.loop import mean_nats


def step_of(width: int, context: int, gradient: str) -> Callable[[], None]:
    """One step, forward, backward and AdamW."""
    model = Transformer(Size(width=width), 1024, context, gradient)  # type: ignore[arg-type]
    initialise(model, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    windows = torch.randint(1024, (16, context + 1))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        mean_nats(model, windows).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    choose_device("cpu")
    for width in (32, 64, 128):
        for context in (128, 256):
            compare(
                f"width {width}, context {context}: causal step against myopic step",
                step_of(width, context, "causal"),
                step_of(width, context, "myopic"),
            )
