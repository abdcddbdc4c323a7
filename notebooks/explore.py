# A marimo notebook: pip install marimo==0.25.2, then
#   marimo edit notebooks/explore.py -- --results results --members pydocs/base/causal
# or, for checkpoints of transformers in the folders below one,
#   marimo edit notebooks/explore.py -- --checkpoints FOLDER --text mine.txt
# `python notebooks/explore.py -- ...` runs it without a browser.

import marimo

app = marimo.App(width="medium", app_title="Equal loss, and what it hides")


@app.cell
def _():
    from pathlib import Path

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import manymasks as mm

    return Path, mm, mo, np, plt


@app.cell
def _(Path, mm, mo):
    arguments = mo.cli_args()
    checkpoints = arguments.get("checkpoints")
    if checkpoints:
        folders = sorted(path.parent for path in Path(checkpoints).glob("*/config.json"))
        models = [mm.load(folder) for folder in folders]
    else:
        study = mm.open(arguments.get("results") or "results")
        models = study.members(arguments.get("members") or "pydocs/base/causal")
    mo.stop(len(models) < 2, mo.md("Two models at least: there is nothing to compare."))
    mo.md(f"# Equal loss, and what it hides\n\n{len(models)} models, such as {models[0]}.")
    return arguments, models


@app.cell
def _(Path, arguments, mo):
    text = mo.ui.text_area(
        Path(arguments["text"]).read_text(encoding="utf-8")
        if arguments.get("text")
        else "Return the number of items in the list. If the list is empty, return zero. " * 8,
        label="Text, whose first half decides which models are equally good",
        full_width=True,
    )
    eps = mo.ui.number(
        start=0.0, step=0.01, value=float(arguments.get("eps") or 0.1), label="eps, nats per token"
    )
    mo.vstack([text, eps])
    return eps, text


@app.cell
def _(models, np, text):
    ids = models[0].ids(text.value)
    select, measure = np.array_split(ids, 2)
    losses = np.array([model.loss(select) for model in models])
    return losses, measure


@app.cell
def _(eps, losses, mm, mo, models, np, plt):
    equal = mm.rashomon_set(losses, eps=eps.value)
    colours = np.where(equal.inside, "tab:blue", "lightgrey")
    figure_losses, axes_losses = plt.subplots(figsize=(7, 0.4 * len(models) + 1))
    axes_losses.scatter(losses, np.arange(len(models)), c=colours)
    axes_losses.axvline(equal.level + equal.eps_nats, color="tab:blue", linestyle=":")
    axes_losses.set_yticks(np.arange(len(models)), [model.name for model in models])
    axes_losses.set_xlabel("loss on the first half, nats per token")
    figure_losses.tight_layout()
    mo.vstack(
        [mo.md(f"## Which models are equally good\n\n{len(equal.members)} of them."), figure_losses]
    )
    return (equal,)


@app.cell
def _(equal, measure, mm, mo, models):
    mo.stop(len(equal.members) < 2, mo.md("Only the best one is within eps: raise it."))
    pairs = [
        mm.compare(models[a], models[b], measure)
        for a in equal.members
        for b in equal.members
        if a < b
    ]
    most = max(pairs, key=lambda pair: pair.hidden)
    mo.vstack(
        [
            mo.md("## What their losses hide"),
            mo.ui.table(
                [
                    {
                        "pair": " and ".join(pair.names),
                        "visible": round(pair.visible, 4),
                        "hidden": round(pair.hidden, 4),
                        "KL": round(pair.kl, 4),
                        "same first token": round(pair.top1_agreement, 3),
                    }
                    for pair in sorted(pairs, key=lambda pair: -pair.hidden)
                ],
                selection=None,
            ),
        ]
    )
    return (most,)


@app.cell
def _(mo, most, np, plt):
    figure_tokens, axes_tokens = plt.subplots(figsize=(9, 3))
    axes_tokens.bar(np.arange(len(most.ids)), (most.kl_ab + most.kl_ba) / 2, width=1.0)
    axes_tokens.set_xlabel("token of the second half")
    axes_tokens.set_ylabel("KL, nats")
    figure_tokens.tight_layout()
    rows = most.where(8)
    mo.vstack(
        [
            mo.md(f"## On which token they part\n\n{most}"),
            figure_tokens,
            mo.ui.table([{**row, "kl": round(row["kl"], 3)} for row in rows], selection=None),
        ]
    )
    return (rows,)


@app.cell
def _(mo, rows):
    if mo.app_meta().mode == "script":
        for row in rows:
            print(f"{row['kl']:.3f} {row['token']!r}: {row['top_a']!r} or {row['top_b']!r}")
    return


if __name__ == "__main__":
    app.run()
