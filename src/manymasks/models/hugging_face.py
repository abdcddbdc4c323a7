"""A causal language model of the library `transformers`, from a folder on disk.

Weights are read from safetensors alone: a pickle runs code when it is read. Nothing is fetched.
"""

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from manymasks.arrays import Ints
from manymasks.errors import UserError
from manymasks.models.language_model import LanguageModel

Dtype = Literal["float32", "bfloat16", "float16"]
DeviceMap = str | Mapping[str, int | str]
"""Where the parts of a model are: a strategy of the library `accelerate`, or devices by module."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
WITHOUT_LIMIT = 2048
"""Context of a model whose configuration states none."""


class CausalModel:
    """A model without its tokenizer: logits of token ids (batch, positions), float32 on its device.

    - `vocabulary`: number of logits
    - `context`: most tokens of a window
    - `start`: token before a text; None if its configuration has none
    - `end`: tokens that end a text
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.vocabulary = int(model.get_output_embeddings().weight.shape[0])
        config = model.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or WITHOUT_LIMIT)
        ends = np.atleast_1d([] if config.eos_token_id is None else config.eos_token_id)
        self.end = frozenset(int(token) for token in ends)
        starts = (config.bos_token_id, *sorted(self.end))
        start = next((token for token in starts if token is not None), None)
        self.start = None if start is None else int(start)
        self.has_plain_head = self._is_head_plain()

    @property
    def device(self) -> torch.device:
        """Of tokens that it reads and of logits that it returns: that of its first part."""
        placed = getattr(self.model, "hf_device_map", None)
        device: Any = next(iter(placed.values())) if placed else self.model.device
        return torch.device(device)

    def logits(self, tokens: Tensor, last: int | None = None) -> Tensor:
        """Logits at all positions, or at the `last` ones."""
        out = self.model(input_ids=tokens, logits_to_keep=last or 0, use_cache=False)
        # A class that does not know the argument returns all positions.
        logits: Tensor = out.logits if last is None else out.logits[:, -last:]
        return logits.float().to(self.device)

    def blocks_of_logits(self, tokens: Tensor, rows: int) -> Iterator[Tensor]:
        """Logits after each token, in order, (at most `rows`, vocabulary) each. The next ones may
        take their memory."""
        if not self.has_plain_head:
            yield from torch.split(self.logits(tokens).flatten(0, 1), rows)
            return
        states = self.model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
        states, head = states.flatten(0, 1), self.model.get_output_embeddings()
        # Separate allocations fragment the memory, until all logits are held.
        buffer = self._buffer(states, head, min(rows, len(states)))
        for part in torch.split(states, rows):
            if buffer is None:
                logits: Tensor = head(part)
                yield logits.float().to(self.device)
            elif head.bias is None:
                yield torch.mm(part, head.weight.T, out=buffer[: len(part)])
            else:
                yield torch.addmm(head.bias, part, head.weight.T, out=buffer[: len(part)])

    def _buffer(self, states: Tensor, head: Any, rows: int) -> Tensor | None:
        """Memory of `rows` logits; None for a head that is more than a product in float32."""
        is_product = type(head) is nn.Linear and not hasattr(head, "_hf_hook")
        is_here = is_product and head.weight.device == states.device == self.device
        if not is_here or states.dtype != torch.float32 or torch.is_grad_enabled():
            return None
        return states.new_empty(rows, self.vocabulary)

    @torch.no_grad()
    def _is_head_plain(self) -> bool:
        """Whether logits are the unembedding of the last hidden state, and not scaled or capped:
        then those of a few positions at a time take no second pass."""
        first = range(min(3, self.vocabulary))
        tokens = torch.tensor([[self.start or 0, *first]], device=self.device)
        expected = self.logits(tokens)[0]
        self.has_plain_head = True
        (logits,) = self.blocks_of_logits(tokens, len(tokens[0]))
        # Products of half precision differ by the shape of the matrices.
        relative, absolute = (1e-4, 1e-5) if self.model.dtype == torch.float32 else (2e-2, 2e-2)
        return bool(torch.allclose(logits, expected, relative, absolute))


class PretrainedModel(LanguageModel):
    """A model with its own tokenizer. `model`, `tokenizer`: those of `transformers`."""

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        self.name, self.causal, self.tokenizer = name, CausalModel(model), tokenizer
        self.vocabulary, self.context = self.causal.vocabulary, self.causal.context
        ends = [tokenizer.eos_token_id, *self.causal.end]
        self.end = frozenset(int(token) for token in ends if token is not None)
        starts = (tokenizer.bos_token_id, self.causal.start, *sorted(self.end))
        start = next((token for token in starts if token is not None), None)
        if start is None:
            raise UserError(
                f"{name}: has no token that begins or ends a text (bos_token_id, eos_token_id), "
                "after which its first token could be scored. Set bos_token_id in its config.json."
            )
        self.start = int(start)

    @property
    def model(self) -> Any:
        """The model of `transformers`."""
        return self.causal.model

    @property
    def has_plain_head(self) -> bool:
        """Whether logits are the unembedding of the last hidden state alone."""
        return self.causal.has_plain_head

    def encode(self, text: str) -> Ints:
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        return np.array(ids, dtype=np.int64)

    def decode(self, ids: Sequence[int] | Ints) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))

    def logits(self, tokens: Tensor, last: int | None = None) -> Tensor:
        return self.causal.logits(tokens.to(self.causal.device), last).cpu()

    def logit_blocks(self, window: Tensor, rows: int) -> Iterator[Tensor]:
        read = window[None].to(self.causal.device)
        for logits in self.causal.blocks_of_logits(read, rows):
            yield logits.cpu()


def load_pretrained(
    folder: Path, device: str = "cpu", dtype: Dtype = "float32", *, remote_code: bool = False
) -> PretrainedModel:
    """The model of a folder with config.json, safetensors and a tokenizer. `remote_code`: whether
    code that lies in the folder may run. Raises UserError if a part is missing, if weights are
    pickles, or if it needs code that may not run."""
    check_folder(folder, remote_code=remote_code)
    model = _from_folder(folder, "AutoModelForCausalLM", dtype, remote_code)
    tokenizer = _from_folder(folder, "AutoTokenizer", None, remote_code)
    return PretrainedModel(str(folder), model.to(device).eval(), tokenizer)


def load_causal(
    folder: Path,
    device: torch.device,
    dtype: Dtype,
    device_map: DeviceMap | None = None,
    *,
    remote_code: bool = False,
) -> CausalModel:
    """As `load_pretrained`, without the tokenizer. `device_map`: where its parts are, in place of
    `device`; on a CPU all of them are there."""
    check_folder(folder, remote_code=remote_code)
    if device_map is not None and device.type == "cpu":
        device_map = {"": "cpu"}
    model = _from_folder(folder, "AutoModelForCausalLM", dtype, remote_code, device_map)
    if device_map is None:
        model = model.to(device)
    return CausalModel(model.eval().requires_grad_(False))


def _from_folder(
    folder: Path,
    kind: str,
    dtype: Dtype | None,
    remote_code: bool,
    device_map: DeviceMap | None = None,
) -> Any:
    """What a class of `transformers` reads from a folder."""
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError as error:
        raise UserError(
            f"{folder}: models from outside need transformers, which is not installed. Type: pip "
            "install -c envs/constraints.txt -e '.[hf]'"
        ) from error
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": remote_code}
    if dtype is not None:
        options |= {"use_safetensors": True, "dtype": getattr(torch, dtype)}
    if device_map is not None:
        options["device_map"] = device_map
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        return getattr(transformers, kind).from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UserError(
            f"{folder}: transformers {transformers.__version__} cannot load it as a causal "
            f"language model: {error}"
        ) from error
    finally:
        transformers.logging.set_verbosity(level)


def check_folder(folder: Path, *, remote_code: bool = False) -> dict[str, Any]:
    """The content of config.json. Raises UserError for a folder that is no checkpoint, without
    safetensors, or with code that may not run."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}). A checkpoint is a folder that `save_pretrained` of "
            "transformers wrote, with config.json, safetensors and tokenizer."
        ) from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: is {type(config).__name__}, expected an object with settings")
    if not any(folder.glob("*.safetensors")):
        pickles = [file.name for pattern in PICKLES for file in folder.glob(pattern)]
        reason = (
            f"its weights are pickles ({', '.join(sorted(pickles))}), which may run code when read"
            if pickles
            else "it has no weights"
        )
        raise UserError(
            f"{folder}: {reason}. Write them as safetensors: load the model where you trust it, "
            "and call save_pretrained(FOLDER)."
        )
    if "auto_map" in config and not remote_code:
        raise UserError(
            f"{folder}: its config.json names code to run (auto_map). Read that code, then allow "
            "it: remote_code=True in Python, `remote_code: true` of its series in a study."
        )
    return config
