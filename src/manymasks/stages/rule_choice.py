"""rules: which of two rules members follow where training never told them apart."""

from typing import Any

import numpy as np

from manymasks.arrays import FloatArray, IntArray, Rows
from manymasks.config.analyses import RuleChoice
from manymasks.config.corpora import ProcessCorpus
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import documents
from manymasks.statistics.bootstrap import document_weights
from manymasks.statistics.model_classes import classes
from manymasks.store.job import Job
from manymasks.truth.rule_choice import asked, choice_row, preferences, spread_row, told

TOLD = 1000
"""Documents of the measure split that are searched for questions, the first ones."""
BATCH = 256
"""Prompts in one forward pass."""


def make(job: Job) -> dict[str, Any]:
    """Write `rule_choice` and `rule_spread`."""
    settings: RuleChoice = job.setting("rule_choice", RuleChoice)
    statistics = job.statistics
    process: ProcessCorpus = job.setting("process", ProcessCorpus)
    _, members = members_of(job)
    tokens = documents(job, "measure", TOLD)
    questions = asked(settings.questions, settings.seed)
    weights = {
        of.question: document_weights(len(of.tokens), statistics.resamples, statistics.seed)
        for of in questions
    }
    mine = {"corpus": members[0].corpus, "answered": process.answered}
    choices: Rows = []
    soft: dict[str, list[FloatArray]] = {of.question: [] for of in questions}
    for member, model in member_models(job):
        for of in questions:
            log_probs = score_answers(model, of.tokens, of.lengths, of.answers)
            rows, places = told(tokens, of.mark)
            right = np.exp(
                score_answers(model, tokens[rows], places, tokens[rows, places, None])[:, 0]
            )
            row = choice_row(of, log_probs, right, weights[of.question], statistics.confidence)
            choices.append({"model": member.model, **mine, **row})
            soft[of.question].append(preferences(log_probs))
    spreads = []
    for positions in classes(members).values():
        own = [members[position] for position in positions]
        named = {**mine, "size": own[0].size, "variant": own[0].variant}
        for of in questions:
            each = np.stack([soft[of.question][position] for position in positions])
            seeds = [member.seeds for member in own]
            row = spread_row(of, seeds, each, weights[of.question], statistics)
            spreads.append({**named, **row})
    job.write_table("rule_choice", choices)
    job.write_table("rule_spread", spreads)
    return {"members": len(members), "questions": settings.questions}


def score_answers(
    model: Transformer, tokens: IntArray, lengths: IntArray, answers: IntArray
) -> FloatArray:
    """Log-probabilities of answers (prompts, several) after so many tokens of each prompt."""
    laws = log_probabilities(model, tokens, BATCH)[np.arange(len(tokens)), lengths - 1]
    return np.take_along_axis(laws, answers, 1)
