"""rules: which of two rules members follow where training never told them apart."""

from typing import Any

import numpy as np
import torch

from manymasks.config.analyses import Rules, Statistics
from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.processes.machine import Floats, Ints
from manymasks.models.transformer import Transformer
from manymasks.stages.drawn import documents
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.statistics.members import classes
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.truth.rules import asked, choice_row, preferences, spread_row, told

TOLD = 1000
"""Documents of the measure split that are searched for questions, the first ones."""
BATCH = 256
"""Prompts in one forward pass."""


def make(job: Job) -> dict[str, Any]:
    """Write `rule_choice` and `rule_spread`."""
    settings: Rules = job.setting("rules", Rules)
    statistics: Statistics = job.setting("statistics", Statistics)
    process: ProcessCorpus = job.setting("process", ProcessCorpus)
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    device = choose_device(job.machine.device)
    tokens = documents(job, "measure", TOLD)
    questions = asked(settings.questions, settings.seed)
    mine = {"corpus": found[0][1].corpus, "eps": process.eps}
    choices: list[dict[str, Any]] = []
    soft: dict[str, list[Floats]] = {of.question: [] for of in questions}
    for place, (training, member) in enumerate(found):
        job.report(place, len(found), "members")
        model = load_members([training], device)
        for of in questions:
            log_probs = _after(model, of.tokens, of.lengths, of.answers)
            rows, places = told(tokens, of.mark)
            right = np.exp(_after(model, tokens[rows], places, tokens[rows, places, None])[:, 0])
            row = choice_row(of, log_probs, right, statistics)
            choices.append({"model": member.model, **mine, **row})
            soft[of.question].append(preferences(log_probs))
    spreads = []
    members = [member for _, member in found]
    for positions in classes(members).values():
        own = [members[position] for position in positions]
        named = {**mine, "size": own[0].size, "variant": own[0].variant}
        for of in questions:
            each = np.stack([soft[of.question][position] for position in positions])
            row = spread_row(of, [member.seeds for member in own], each, statistics)
            spreads.append({**named, **row})
    job.write_table("rule_choice", choices)
    job.write_table("rule_spread", spreads)
    return {"members": len(found), "questions": settings.questions}


def _after(model: Transformer, tokens: Ints, lengths: Ints, answers: Ints) -> Floats:
    """Log-probabilities of answers (prompts, several) after so many tokens of each prompt."""
    device = model.W_E.device
    found = [np.zeros(answers.shape)[:0]]
    with torch.no_grad():
        for begin in range(0, len(tokens), BATCH):
            of = slice(begin, begin + BATCH)
            logits = model(torch.from_numpy(tokens[of]).unsqueeze(0).to(device))[0]
            last = torch.from_numpy(lengths[of] - 1).to(device)
            asked_at = logits[torch.arange(len(last), device=device), last]
            log_probs = torch.log_softmax(asked_at.double(), -1).cpu().numpy()
            found.append(np.take_along_axis(log_probs, answers[of], 1))
    return np.concatenate(found)
