"""Models of `transformers` as a stack of members, as analyses read members that were trained here.

Names and shapes are those of `Transformer`. A window that begins with the end of text begins with
the token before a text of the model, which may be another one. Numbers that no token of the
tokenizer has, by which vocabularies are padded, are left out of the laws.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from manymasks.errors import UserError
from manymasks.models.hugging_face import CausalModel
from manymasks.models.language_model import LOGITS_AT_ONCE


class PretrainedStack:
    """Members with one tokenizer, of `vocabulary` tokens, whose texts end with `end_of_text`."""

    def __init__(self, models: Sequence[CausalModel], vocabulary: int, end_of_text: int) -> None:
        self.models = list(models)
        self.members, self.vocabulary, self.end_of_text = len(models), vocabulary, end_of_text
        self.context = min(model.context for model in models)

    @property
    def W_E(self) -> Tensor:
        """The embedding of the first member, (1, vocabulary, width)."""
        return self._where_read(self.models[0].model.get_input_embeddings().weight)

    @property
    def W_U(self) -> Tensor:
        """The unembedding of the first member, (1, vocabulary, width)."""
        return self._where_read(self.models[0].model.get_output_embeddings().weight)

    def _where_read(self, weight: Tensor) -> Tensor:
        """A weight on the device of tokens and logits. One that a device map has elsewhere is
        without values: analyses read shape and device."""
        device = self.models[0].device
        if weight.device.type != device.type or weight.device.index != device.index:
            weight = torch.empty(1, device=device).expand(weight.shape)
        return weight[None, : self.vocabulary]

    @property
    def blocks(self) -> nn.ModuleList:
        """Blocks of the first member. Raises UserError if its class keeps them elsewhere."""
        model: Any = self.models[0].model
        count = model.config.get_text_config().num_hidden_layers
        for module in model.base_model.modules():
            if isinstance(module, nn.ModuleList) and len(module) == count:
                return module
        raise UserError(
            f"{type(model).__name__}: its {count} blocks are not in one list, so their residual "
            "streams cannot be read. Leave representation out of the analyses of these members."
        )

    def read(self, member: int, tokens: Tensor) -> Tensor:
        """Token ids (batch, positions) of the begin of windows, as a member reads them."""
        start = self.models[member].start
        if start is None or start == self.end_of_text:
            return tokens
        tokens = tokens.clone()
        tokens[:, 0] = torch.where(tokens[:, 0] == self.end_of_text, start, tokens[:, 0])
        return tokens

    def _parts(self, tokens: Tensor) -> list[tuple[CausalModel, Tensor]]:
        """Members, each with its tokens (batch, positions); an axis of 1 is shared by all."""
        shared = tokens.expand(self.members, *tokens.shape[1:])
        return [(model, self.read(i, shared[i])) for i, model in enumerate(self.models)]

    def __call__(self, tokens: Tensor, last: int | None = None) -> Tensor:
        """(members, batch, positions) token ids to logits (members, batch, positions or last,
        vocabulary), float32."""
        stacked: Tensor | None = None
        for i, (model, part) in enumerate(self._parts(tokens)):
            logits = model.logits(part, last)[..., : self.vocabulary]
            if self.members == 1:
                # A copy would take the memory twice.
                return logits[None]
            if stacked is None:
                stacked = logits.new_empty(self.members, *logits.shape)
            # One member at a time: their logits side by side would take the memory twice.
            stacked[i] = logits
            del logits
        assert stacked is not None, "a stack has a member"
        return stacked

    def scores(
        self, windows: Tensor, past: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Losses of (members, batch, positions + 1) token ids at all positions, in nats, and
        whether no token is more probable than the target, (members, batch, positions) each. Logits
        of few positions are held at a time."""
        targets = windows[..., 1:].expand(self.members, -1, -1)
        losses, tops = [], []
        for (model, part), true in zip(self._parts(windows[..., :-1]), targets, strict=True):
            rows = max(1, LOGITS_AT_ONCE // model.vocabulary)
            columns = torch.split(true.flatten(), rows)
            blocks = model.blocks_of_logits(part, rows)
            for block, column in zip(blocks, columns, strict=True):
                # Without a copy, as a part of the columns would be.
                block[:, self.vocabulary :] = -torch.inf
                tops.append(block.gather(1, column[:, None])[:, 0] == block.amax(1))
                # In place: temporaries of this size fragment the memory.
                logp = torch.log_softmax(block, 1, out=block)
                losses.append(-logp.gather(1, column[:, None])[:, 0])
        return torch.cat(losses).view(targets.shape), torch.cat(tops).view(targets.shape)

    def streams(self, tokens: Tensor) -> list[Tensor]:
        """The residual stream of a stack of one before each block and after the last, (1, batch,
        positions, width) each."""
        ((model, part),) = self._parts(tokens)
        levels: list[Tensor] = []

        def before(block: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            levels.append(given[0] if given else named["hidden_states"])

        def after(block: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            levels.append(output[0] if isinstance(output, tuple) else output)

        blocks = self.blocks
        handles = [block.register_forward_pre_hook(before, with_kwargs=True) for block in blocks]
        handles.append(blocks[-1].register_forward_hook(after))
        try:
            model.model.base_model(input_ids=part, use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
        return [level[None].to(model.device) for level in levels]


class PretrainedText:
    """One member with the keys and values of a batch of texts of one length: `texts` are read token
    by token, as with `CachedTransformer`. Raises ValueError for a stack of several members."""

    def __init__(self, stack: PretrainedStack) -> None:
        if stack.members != 1:
            raise ValueError(f"expected one member, found {stack.members}")
        self._stack = stack
        self._past: Any = None

    def repeated(self, count: int) -> "PretrainedText":
        """A copy in which every text is repeated `count` times in sequence."""
        branches = copy.copy(self)
        if self._past is not None:
            branches._past = copy.deepcopy(self._past)
            branches._past.batch_repeat_interleave(count)
        return branches

    @torch.no_grad()
    def read(self, tokens: Tensor) -> Tensor:
        """Append tokens (texts, n) and return the logits (texts, vocabulary) after them."""
        if self._past is None:
            tokens = self._stack.read(0, tokens)
        member = self._stack.models[0]
        model: Any = member.model
        out = model(input_ids=tokens, cache=self._past, use_cache=True, logits_to_keep=1)
        self._past = out.cache
        logits: Tensor = out.logits[:, -1, : self._stack.vocabulary].float()
        return logits.to(member.device)
