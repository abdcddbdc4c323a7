"""rollout: what members write after the same prompts, and where two of them first differ."""

from collections.abc import Sequence
from typing import Any

import torch

from manymasks.config.analyses import Rollout
from manymasks.models.member_model import MemberModel
from manymasks.probes.windows import Windows, choose_windows
from manymasks.rollouts import sequences
from manymasks.rollouts.rollout_tables import RolloutPrompts, TextDivergence, rollout_rows
from manymasks.rollouts.sampling import MODES, Mode, Texts, rule_of, write
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.models import load_models
from manymasks.store.job import Job
from manymasks.tokens.shards import StreamDocuments, TokenStream
from manymasks.tokens.tokenizer import Tokenizer, load
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write `rollout`, `first_divergence`, `agreement_survival`, `rollout_pool` and
    `sequence_divergence`."""
    settings: Rollout = job.setting("rollout", Rollout)
    trainings, members = members_of(job)
    device = choose_device(job.hardware.device)
    models = [load_models([training], device) for training in trainings]
    stream = TokenStream.open(job.input("tokens").files("measure/"))
    windows = _windows(stream, settings)
    tokens = torch.from_numpy(windows.tokens).to(device)
    prompts, continuation = tokens[:, : settings.prompt], tokens[:, settings.prompt :]
    texts: dict[Mode, Texts] = {}
    floors: dict[Mode, sequences.Again] = {}
    batch = settings.batch
    with torch.no_grad():
        for mode in MODES:
            rule = rule_of(mode, settings.temperature, settings.seed)
            texts[mode] = write(
                models,
                prompts,
                settings.length,
                rule,
                batch=batch,
                end_of_text=stream.end_of_text,
                report=job.progress(f"tokens of each member, {mode}"),
            )
            floors[mode] = sequences.again(
                models, prompts, texts[mode], rule, batch=batch, other=settings.floor_batch
            )
        divergence = _text_divergence(
            job, models, prompts, continuation, texts["shared-noise"], settings
        )
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    tables = rollout_rows(
        texts,
        floors,
        divergence,
        members,
        RolloutPrompts(
            windows.documents,
            [tokenizer.decode(prompt) for prompt in prompts.cpu().numpy()],
            {mode: _decoded(tokenizer, texts[mode]) for mode in MODES},
        ),
        job.statistics,
    )
    job.write_tables(tables)
    return {
        "members": len(models),
        "prompts": len(prompts),
        "tokens": int(sum(written.lengths.sum() for written in texts.values())),
    }


def _windows(stream: TokenStream, settings: Rollout) -> Windows:
    """Prompts, each with its continuation in the text. Raises UserError if too few documents are
    long enough."""
    length = settings.prompt + settings.length
    return choose_windows(
        StreamDocuments(stream),
        settings.prompts,
        context=length - 1,
        end_of_text=stream.end_of_text,
        seed=settings.seed,
        purpose="rollout",
        windows_setting="rollout.prompts",
        length_setting="rollout.prompt or rollout.length",
    )


def _text_divergence(
    job: Job,
    models: Sequence[MemberModel],
    prompts: torch.Tensor,
    continuation: torch.Tensor,
    texts: Texts,
    settings: Rollout,
) -> TextDivergence:
    """Divergence of all members along what each wrote, and along the text itself."""
    temperature, batch = settings.temperature, settings.batch
    along = sequences.along_texts(
        models,
        prompts,
        texts,
        temperature,
        batch=batch,
        report=job.progress("members with judged texts"),
    )
    text = (models, prompts, continuation, temperature)
    return TextDivergence(
        along,
        sequences.along_continuation(*text, batch=batch),
        sequences.continuation_again(*text, batch=batch, other=settings.floor_batch),
        continuation.shape[1],
    )


def _decoded(tokenizer: Tokenizer, texts: Texts) -> list[list[str]]:
    return [
        [tokenizer.decode(text[:n]) for text, n in zip(member_texts, lengths, strict=True)]
        for member_texts, lengths in zip(texts.tokens, texts.lengths, strict=True)
    ]
