"""The other side: a plain training loop, as one would write it today for the same model.

    python tests/benchmarks/loop.py JOB.json [--compile] [--threads 2] [--bf16] [--cosine]

Trains the job's members one after another, all with ordinary causal attention: pre-norm RMSNorm,
rotary positions, GELU MLP, an unembedding of its own, F.scaled_dot_product_attention, AdamW(fused),
clipping. Prints JSON: seconds from reading the job, the select losses, memory.
"""

import argparse
import json
import math
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from jobs import Job, Member, read_job, select_windows, size_of, windows_of
from torch import Tensor, nn

from manymasks.config.training import Size, Training
from manymasks.training.schedule import learning_rate


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        head = width // heads
        frequencies = 10_000.0 ** (-torch.arange(0, head, 2) / head)
        angles = torch.arange(context)[:, None] * frequencies
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def rotate(self, x: Tensor) -> Tensor:
        cos, sin = self.cos[: x.shape[-2]], self.sin[: x.shape[-2]]
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), -1).to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        batch, positions, width = x.shape
        parts = self.qkv(x).view(batch, positions, 3, self.heads, -1).transpose(1, 3).unbind(2)
        q, k, v = parts
        y = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, positions, width))


class Block(nn.Module):
    def __init__(self, size: Size, context: int) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.RMSNorm(size.width), nn.RMSNorm(size.width)
        self.attention = Attention(size.width, size.heads, context)
        self.up = nn.Linear(size.width, size.mlp * size.width, bias=False)
        self.down = nn.Linear(size.mlp * size.width, size.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm_attention(x))
        return x + self.down(F.gelu(self.up(self.norm_mlp(x)), approximate="tanh"))


class Model(nn.Module):
    """A small transformer; called with token ids and targets, it gives the mean loss."""

    def __init__(self, size: Size, vocabulary: int, context: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size.width)
        self.blocks = nn.ModuleList([Block(size, context) for _ in range(size.layers)])
        self.norm = nn.RMSNorm(size.width)
        self.unembedding = nn.Linear(size.width, vocabulary, bias=False)
        writers = 1 / math.sqrt(2 * size.layers)
        for name, weight in self.named_parameters():
            if weight.ndim > 1:
                outside = "embedding" in name
                std = 0.02 if outside else 1 / math.sqrt(weight.shape[1])
                std *= writers if name.endswith(("out.weight", "down.weight")) else 1
                nn.init.normal_(weight, std=std)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        logits = self.unembedding(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def cosine(step: int, settings: Training, peak: float) -> float:
    """nanoGPT's schedule: warmup, then a cosine down to a tenth."""
    warmup = round(settings.warmup * settings.steps)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    share = (step - warmup) / (settings.steps - warmup)
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))


def stepper(
    member: Member, job: Job, device: torch.device, *, compiled: bool, bf16: bool
) -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Tensor], Tensor]]:
    """A model, its optimiser, and one step on (batch, context + 1) token ids."""
    settings, size = job.settings, size_of(member)
    torch.manual_seed(member.seed_init)
    model = Model(size, job.vocabulary, settings.context).to(device)
    called = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1]},
            {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=member.rate,
        weight_decay=settings.weight_decay,
        betas=(settings.beta1, settings.beta2),
        fused=True,
    )

    def step(windows: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = called(windows[:, :-1], windows[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
        return loss

    return model, optimizer, step


def train(
    member: Member,
    job: Job,
    device: torch.device,
    *,
    compiled: bool = False,
    bf16: bool = False,
    schedule: Callable[[int, Training, float], float] = learning_rate,
) -> float:
    """Train one member and save it; its mean loss on the select windows, nats per token."""
    settings = job.settings
    windows, select = windows_of(job, member, device), select_windows(job, device)
    model, optimizer, step = stepper(member, job, device, compiled=compiled, bf16=bf16)
    scored = math.nan
    for i in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule(i, settings, member.rate)
        step(windows(i))
        if (i + 1) % settings.curve_every == 0 or i + 1 == settings.steps:
            with torch.no_grad():
                nats = [
                    model(part[:, :-1], part[:, 1:]) * len(part)
                    for part in select.split(settings.batch)
                ]
            scored = float(torch.stack(nats).sum()) / len(select)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(model.state_dict(), Path(folder) / "weights.pt")
    return scored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true", help="autocast")
    parser.add_argument("--cosine", action="store_true", help="nanoGPT's schedule, not the job's")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    began = time.perf_counter()
    job = read_job(given.job)
    how = {"schedule": cosine if given.cosine else learning_rate}
    select = [
        train(member, job, torch.device(job.device), compiled=given.compile, bf16=given.bf16, **how)
        for member in job.members
    ]
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "select": select, "rss": rss}))


if __name__ == "__main__":
    main()
