"""thinking: answers of members of `lag` by the format of the text before them, step by step."""

from collections.abc import Iterator, Mapping
from typing import Any

from manymasks.arrays import Rows
from manymasks.config.analyses import Thinking
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Artifact, Job
from manymasks.training.checkpoint import load_weights
from manymasks.training.device import choose_device
from manymasks.truth.lag_answers import (
    LagQuestions,
    Predict,
    answer_row,
    answer_scores,
    drawn_questions,
    formats_of,
    price_rows,
    step_rows,
)
from manymasks.truth.thinking_predictions import rows_of_predictions


def make(job: Job) -> dict[str, Any]:
    """Write thinking_answer, thinking_step, thinking_price and prediction. A state is a member
    after a number of steps."""
    settings: Thinking = job.setting("thinking", Thinking)
    formats: Mapping[str, str] = job.settings["formats"]
    data = drawn_questions(settings.documents, settings.seed)
    trainings, members = members_of(job)
    answers: Rows = []
    steps: Rows = []
    states = 0
    for index, (training, member) in enumerate(zip(trainings, members, strict=True)):
        budget = training.manifest.settings["training"]
        for step, model in _states(job, training):
            form = formats[member.corpus]
            labels = {"model": member.model, "step": step, "trained_format": form}
            tokens = step * budget["batch"] * budget["context"]
            predict = _predictor(model, settings.batch)
            for answer_format in formats_of(form):
                questions = LagQuestions(data, answer_format)
                scores = answer_scores(questions, predict, settings.free)
                answers.append({**labels, "tokens": tokens, **answer_row(questions, scores)})
                steps += [{**labels, **row} for row in step_rows(questions, scores)]
            states += 1
        job.report(index + 1, len(trainings), "members")
    gradients = {one.key: one.manifest.settings["variant"]["gradient"] for one in trainings}
    confidence = job.statistics.confidence
    job.write_tables(
        {
            "thinking_answer": answers,
            "thinking_step": steps,
            "thinking_price": price_rows(),
            "prediction": rows_of_predictions(answers, members, formats, gradients, confidence),
        }
    )
    return {"members": len(trainings), "states": states, "documents": settings.documents}


def _states(job: Job, training: Artifact) -> Iterator[tuple[int, Transformer]]:
    """The model after each number of steps at which weights were saved, and after the last."""
    model = load_members([training], choose_device(job.hardware.device))
    for step in training.figures["late"]:
        load_weights(model, 0, training.file(f"weights-{step}.safetensors"))
        yield step, model
    load_weights(model, 0, training.file("weights.safetensors"))
    yield training.manifest.settings["training"]["steps"], model


def _predictor(model: Transformer, batch: int) -> Predict:
    return lambda tokens, last: log_probabilities(model, tokens, batch, last)
