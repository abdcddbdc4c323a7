"""Exported members in lm-evaluation-harness: a local task gives the numbers of the member."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from example_outside import CONTEXT, Results

import manymasks as mm
from manymasks.commands.export_model import export_model
from manymasks.store.layout import Layout
from manymasks.tokens.tokenizer import Tokenizer

pytest.importorskip("transformers", reason="needs the extra hf")
pytest.importorskip("lm_eval", reason="needs lm-evaluation-harness: pip install lm-eval")

TEXTS = ["a fox was quick", "a fox, a crow", "over it, and in", "at the end: fox"]
QUESTIONS = [("a fox was", [" quick", " there"], 0), ("it was", [" in", " over it"], 1)]
PROGRAM = """
import json, sys
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

folder, tasks = sys.argv[1:]
out = simple_evaluate(
    model=HFLM(pretrained=folder, device="cpu", batch_size=1, dtype="float32"),
    tasks=["local_texts", "local_questions"],
    task_manager=TaskManager(include_path=tasks, include_defaults=False),
    log_samples=True,
)
answers = [sample["filtered_resps"] for sample in out["samples"]["local_questions"]]
print(json.dumps({"results": out["results"], "answers": answers}))
"""


def write_tasks(folder: Path) -> None:
    """Tasks of lm-evaluation-harness on files beside them."""
    folder.mkdir()
    rows = {
        "local_texts": [{"text": text} for text in TEXTS],
        "local_questions": [
            {"question": question, "choices": choices, "answer": answer}
            for question, choices, answer in QUESTIONS
        ],
    }
    tasks: dict[str, dict[str, Any]] = {
        "local_texts": {
            "output_type": "loglikelihood_rolling",
            "doc_to_text": "",
            "doc_to_target": "{{text}}",
            "metric_list": [{"metric": "bits_per_byte"}],
        },
        "local_questions": {
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{answer}}",
            "target_delimiter": "",
            "metric_list": [{"metric": "acc"}],
        },
    }
    for name, lines in rows.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        task = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(path)}},
            "test_split": "test",
            **tasks[name],
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")


def test_the_harness_scores_an_exported_member_as_the_study_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    results = Results(Path("results"), Tokenizer("bytes", 257, ""))
    results.member()
    (member,) = mm.open().members("mine")
    export_model(member.name, Layout(Path("results")), tmp_path / "exported")
    write_tasks(tmp_path / "tasks")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "exported", "tasks"],
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    # Texts fit one window, which begins after the end of text.
    assert all(len(text) <= CONTEXT for text in TEXTS)
    nats = sum(member.nats(text).sum() for text in TEXTS)
    expected = nats / sum(map(len, TEXTS)) / math.log(2)
    scores = answer["results"]["local_texts"]
    assert scores["bits_per_byte,none"] == pytest.approx(expected, abs=1e-5)
    right = 0
    for (question, choices, true), given in zip(QUESTIONS, answer["answers"], strict=True):
        log_p = [log_p_after(member, question, choice) for choice in choices]
        assert [float(response[0]) for response in given] == pytest.approx(log_p, abs=1e-4)
        right += int(np.argmax(log_p)) == true
    assert answer["results"]["local_questions"]["acc,none"] == right / len(QUESTIONS)


def log_p_after(member: Any, question: str, choice: str) -> float:
    """ln P of a choice after a question, without a token before it."""
    begin, ids = member.ids(question), member.ids(question + choice)
    law = torch.log_softmax(member.logits(torch.from_numpy(ids[None, :-1]))[0], -1).numpy()
    places = np.arange(len(begin), len(ids))
    return float(law[places - 1, ids[places]].sum())
