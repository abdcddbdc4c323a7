"""python tests/benchmarks/bench_recurrent.py: a training step with a recurrence over attention.

By width and context, at 2,048 tokens a step and equal numbers of weights: processor time on one
thread of a step with the recurrence, over one with attention by torch kernels, interleaved. Goals
are 2 at 128 positions and 1.2 at 512. What limits it: a head of 16 keys makes products so small
that elementwise operations on decays, keys and rates, a dozen passes over memory, cost more than
the products; attention has two products of whole windows, which grow with the context.
"""

import statistics
import time

import torch

from manymasks.config.training import Size, Training
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer, initialise
from manymasks.training.optimizer import Optimizer

VOCABULARY, TOKENS, REPEATS = 1024, 2048, 9
SHAPES = [(width, context) for context in (128, 512) for width in (32, 64, 128)]
KINDS = {
    "rwkv-7": {},
    "gated deltanet": {"decay": "scalar"},
    "gla": {"delta": False},
    "mamba-2": {"decay": "scalar", "delta": False},
}


class Step:
    """A whole training step of one member: loss, gradients and update."""

    def __init__(self, size: Size, context: int, gradient: str) -> None:
        route = Route(gradient)
        self.model = Transformer(size, VOCABULARY, context, (route,), kernels="torch")
        initialise(self.model, [0])
        self.weights = dict(self.model.named_parameters())
        self.optimizer = Optimizer(self.weights, Training())
        self.windows = torch.randint(VOCABULARY, (1, TOKENS // context, context + 1))
        self.seconds: list[float] = []

    def __call__(self) -> None:
        begin = time.process_time()
        loss = self.model.nats(self.windows).sum()
        grads = torch.autograd.grad(loss, list(self.weights.values()))
        named = {name: g.contiguous() for name, g in zip(self.weights, grads, strict=True)}
        self.optimizer.step(named, torch.tensor([1e-3]), torch.tensor([True]))
        self.seconds.append(time.process_time() - begin)


def main() -> None:
    torch.set_num_threads(1)
    print("width context gradient  " + "  ".join(f"{name:>14}" for name in KINDS))
    for width, context in SHAPES:
        for gradient in ("causal", "myopic"):
            attention = Size(width=width, layers=2, heads=max(2, width // 32))
            sizes = [
                attention,
                *(
                    Size.model_validate({"mixer": "recurrent", "width": width, **flags})
                    for flags in KINDS.values()
                ),
            ]
            steps = [Step(size, context, gradient) for size in sizes]
            for _ in range(REPEATS):
                for step in steps:
                    step()
            times = [statistics.median(step.seconds[2:]) for step in steps]
            ratios = "  ".join(f"{seconds / times[0]:14.2f}" for seconds in times[1:])
            print(f"{width:5} {context:7} {gradient:8}  {ratios}", flush=True)


if __name__ == "__main__":
    main()
