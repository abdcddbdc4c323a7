"""truth: members held against the exact law of the process that drew their text."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from manymasks.config.corpora import ProcessCorpus
from manymasks.config.study import Statistics, Truth
from manymasks.corpora.processes.registry import process
from manymasks.models.transformer import Transformer
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.device import choose_device
from manymasks.truth.excess import divergences, excess_rows, price_rows, truth_rows


def make(job: Job) -> dict[str, Any]:
    """Write `process_truth`, `capability_price` and `excess_loss`."""
    settings: Truth = job.setting("truth", Truth)
    statistics: Statistics = job.setting("statistics", Statistics)
    drawn: ProcessCorpus = job.setting("process", ProcessCorpus)
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    device = choose_device(job.machine.device)
    known = process(drawn.process, drawn.eps)
    tokens = _documents(TokenStream.open(job.input("tokens").files("measure/")), settings.documents)
    laws = known.laws(tokens)
    strata = known.strata(tokens)
    mine = {"corpus": found[0][1].corpus, "process": drawn.process}
    truth = truth_rows(laws, tokens, strata)
    job.write_table("process_truth", [{**mine, **row} for row in truth])
    prices = price_rows(known, tokens, laws, strata, statistics)
    job.write_table("capability_price", [{**mine, **row} for row in prices])
    rows = []
    for place, (training, member) in enumerate(found):
        job.report(place, len(found), "members")
        model = load_members([training], device)
        kl = divergences(laws, _log_probabilities(model, tokens, settings.batch))
        mine = {"model": member.model, "process": drawn.process}
        rows += [{**mine, **row} for row in excess_rows(kl, strata, known.levels, statistics)]
    job.write_table("excess_loss", rows)
    return {"members": len(found), "documents": len(tokens)}


def _documents(stream: TokenStream, most: int) -> npt.NDArray[np.int64]:
    """The first documents of a split, (documents, length), each behind its end of text."""
    several = [stream.document(i)[:-1] for i in range(min(most, len(stream.documents)))]
    return np.insert(np.stack(several), 0, stream.end_of_text, axis=1)


def _log_probabilities(
    model: Transformer, tokens: npt.NDArray[np.int64], batch: int
) -> npt.NDArray[np.float32]:
    """(documents, length, vocabulary) of each token given those before it; of the first, 0."""
    device = model.W_E.device
    parts = []
    with torch.no_grad():
        for part in torch.split(torch.from_numpy(tokens), batch):
            logits = model(part[:, :-1].unsqueeze(0).to(device))[0]
            parts.append(torch.log_softmax(logits.float(), -1).cpu())
    return np.pad(torch.cat(parts).numpy(), ((0, 0), (1, 0), (0, 0)))
