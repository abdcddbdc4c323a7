"""rule_choice: which of two rules members follow where training text does not decide."""

from typing import Any

import numpy as np

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.analyses import RuleChoice
from manymasks.config.corpora import ProcessCorpus
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import process_documents
from manymasks.statistics.bootstrap import document_weights
from manymasks.statistics.model_classes import classes
from manymasks.store.job import Job
from manymasks.truth import rule_choice

DOCUMENTS = 1000
"""Documents of the measure split that are searched for answered questions, the first ones."""
BATCH = 256
"""Prompts in one forward pass."""


def make(job: Job) -> dict[str, Any]:
    """Write `rule_choice` and `rule_spread`."""
    settings: RuleChoice = job.setting("rule_choice", RuleChoice)
    statistics = job.statistics
    process: ProcessCorpus = job.setting("process", ProcessCorpus)
    _, members = members_of(job)
    tokens = process_documents(job, "measure", DOCUMENTS)
    kinds = rule_choice.conflict_questions(settings.questions, settings.seed)
    weights = document_weights(settings.questions, statistics.resamples, statistics.seed)
    labels = {
        "corpus": members[0].corpus,
        "answered": process.answered,
        "text_seed": process.seed,
        "exchanged": process.exchanged,
    }
    choices: Rows = []
    soft: dict[str, list[Floats]] = {questions.question: [] for questions in kinds}
    for member, model in member_models(job):
        for questions in kinds:
            log_probs = score_answers(model, questions.tokens, questions.lengths, questions.answers)
            rows, positions = rule_choice.answered_positions(tokens, questions.mark)
            right = np.exp(
                score_answers(model, tokens[rows], positions, tokens[rows, positions, None])[:, 0]
            )
            row = rule_choice.choice_row(
                questions, log_probs, right, weights, statistics.confidence
            )
            choices.append({"model": member.model, **labels, **row})
            soft[questions.question].append(rule_choice.preferences(log_probs))
    spreads = []
    for positions in classes(members).values():
        pool = [members[i] for i in positions]
        seeds = [member.seeds for member in pool]
        for questions in kinds:
            values = np.stack([soft[questions.question][i] for i in positions])
            row = rule_choice.spread_row(questions, seeds, values, weights, statistics)
            spreads.append({**labels, "size": pool[0].size, "variant": pool[0].variant, **row})
    job.write_tables({"rule_choice": choices, "rule_spread": spreads})
    return {"members": len(members), "questions": settings.questions}


def score_answers(model: Transformer, tokens: Ints, lengths: Ints, answers: Ints) -> Floats:
    """Log-probabilities of answers (prompts, answers) after the first `lengths` tokens."""
    laws = log_probabilities(model, tokens, BATCH)[np.arange(len(tokens)), lengths - 1]
    return np.take_along_axis(laws, answers, 1)
