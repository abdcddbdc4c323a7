"""python tests/benchmarks/bench_shakespeare.py TEXT: four seeds at nanoGPT's CPU settings.

Tinyshakespeare by characters, width 128, 4 layers, 4 heads, context 64, batch 12, 2,000 steps,
no dropout. The loop trains the four one after another, on all cores, with nanoGPT's schedule
(1e-3, 100 steps of warmup, a cosine to 1e-4) and beta2 0.99; ours are processes of one thread,
one a core, with the study's schedule and the rate that --rate names. Both read the same windows,
the first nine tenths of the text, and are scored on the rest after as many tokens.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

import numpy as np
from jobs import Job, Member
from timing import clocked, interleaved, machine, ours, processes, ratio, spread

SIZE = {"width": 128, "layers": 4, "heads": 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[2])
    parser.add_argument("text", type=Path, help="tinyshakespeare's input.txt")
    parser.add_argument("--rate", type=float, default=4e-3, help="peak learning rate of ours")
    parser.add_argument("--loop-rate", type=float, default=1e-3)
    parser.add_argument("--optimizer", choices=("adamw", "muon"), default="adamw", help="of ours")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--compile", action="store_true", help="the loop")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    text = given.text.read_text(encoding="utf-8")
    letters = sorted(set(text))
    ids = np.searchsorted(letters, list(text)).astype(np.uint16)
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = np.split(ids, [len(ids) * 9 // 10])
        files = str(folder / "train.npy"), str(folder / "select.npy")
        for file, part in zip(files, parts, strict=True):
            np.save(file, part)
        training = {
            "context": 64,
            "batch": 12,
            "steps": given.steps,
            "beta2": 0.99,
            # All of the select split, once, at the end.
            "curve_every": given.steps,
            "curve_windows": len(parts[1]) // 64,
        }
        mine = {**training, "optimizer": given.optimizer, "precision": given.precision}

        def job(name: str, seeds: range, rate: float, training: dict[str, object]) -> str:
            members = tuple(Member(SIZE, "causal", seed, seed, rate) for seed in seeds)
            made = Job(members, training, len(letters), *files)
            return str(made.write(folder / f"{name}.json"))

        singles = [
            job(f"ours-{seed}", range(seed, seed + 1), given.rate, mine)
            for seed in range(given.seeds)
        ]
        whole = job("loop", range(given.seeds), given.loop_rate, {**training, "warmup": 0.05})
        compiled = ["--compile"] if given.compile else []
        losses: dict[str, list[float]] = {}

        def engine() -> None:
            found = processes([("engine.py", each) for each in singles], ours(), at_once=cores)
            losses["ours"] = [each["select"][0] for each in found]

        def loop() -> None:
            command = ("loop.py", whole, "--cosine", "--threads", str(cores), *compiled)
            (found,) = processes([command], os.environ, at_once=1)
            losses["loop"] = found["select"]

        print(machine())
        print(
            f"{given.seeds} seeds, {SIZE}, {len(letters)} characters, context 64, batch 12, "
            f"{given.steps} steps\nours: {given.precision}, {given.optimizer}, rate "
            f"{given.rate:g}, {cores} processes of one thread; loop: float32, AdamW, "
            f"rate {given.loop_rate:g}, "
            f"cosine, {'compiled' if compiled else 'eager'}, {cores} threads",
            flush=True,
        )
        seconds = interleaved(
            {"ours": lambda: clocked(engine), "loop": lambda: clocked(loop)},
            given.repeats,
            warm=False,
        )
        for name, nats in losses.items():
            print(
                f"{name}: {spread(seconds[name], 's')}, select loss {statistics.mean(nats):.4f} "
                f"nats ({min(nats):.4f} to {max(nats):.4f} over seeds)"
            )
        print(f"time of ours over the loop's: {ratio(seconds['ours'], seconds['loop'])}")


if __name__ == "__main__":
    main()
