"""One member whose forward pass and gradients are computed by the native library.

The weights stay those of the torch model: the library gets their addresses, so an update in place
is seen by both. Weights are contiguous and on the CPU.
"""

import ctypes
import weakref
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from manymasks.config.training import Precision, Size
from manymasks.errors import UserError
from manymasks.native.library import Batch, NativeRoute, Shape, open_library

LAYER_WEIGHTS = (
    "norm_attention", "W_Q", "W_K", "W_V", "W_O", "norm_mlp", "W_in", "W_out",
)  # fmt: skip
PASTS = ("own", "given", "none")
"""In the order of `Past` in model.h."""
WHOLE, READ, DECAYED, DIAGONAL = range(4)
"""`Flow` of attention.h."""


def weight_names(size: Size) -> list[str]:
    """Names of a member's weights in the order of the library."""
    blocks = [f"blocks.{i}.{name}" for i in range(size.layers) for name in LAYER_WEIGHTS]
    learned = ["W_pos"] if size.positions == "learned" else []
    return ["W_E", "norm", "W_U", *blocks, *learned]


def native_route(keeps: float | None, past: str) -> NativeRoute:
    """A route by the share of the gradient that reaches h_j at distance 1 (see `Route.keeps`)."""
    if past == "none" or keeps is None:
        return NativeRoute(DIAGONAL, PASTS.index(past), 0.0)
    flow = WHOLE if keeps == 1 else DECAYED if keeps else READ
    return NativeRoute(flow, PASTS.index(past), keeps)


class NativeMember:
    """The network of one member, with the memory for windows of up to `context` tokens.

    `weights`: by name, without a model axis, float32 or float64. `table`: of
    `parts.rotary_table`, in the same type, as long as the context; not read where positions are
    learned. `precision`: of the factors of products with weights, logits included; sums are
    float32. Raises UserError if bf16 can't be native here.
    """

    def __init__(
        self,
        size: Size,
        weights: Mapping[str, Tensor],
        table: Tensor,
        route: NativeRoute,
        precision: Precision = "float32",
    ) -> None:
        vocabulary, width = weights["W_E"].shape
        self._names = weight_names(size)
        self._weights = [weights[name] for name in self._names]
        self._dtype = self._weights[0].dtype
        self._library = open_library(self._dtype)
        if precision == "bf16" and not self._library.has_bf16():
            raise UserError(
                "training.precision is bf16 with native kernels, which need a CPU with "
                "AVX512-BF16: set training.kernels to torch, or precision to float32"
            )
        self._pointers = _pointers(self._weights)
        self._route = route
        is_learned = size.positions == "learned"
        self._table = None if is_learned else table.contiguous()
        self._shape = Shape(
            width=width,
            heads=size.heads,
            layers=size.layers,
            hidden=width * size.mlp,
            vocabulary=vocabulary,
            context=table.shape[2],
            is_gelu=size.activation == "gelu",
            is_learned=is_learned,
            is_bf16=precision == "bf16",
        )
        self._member = self._library.member(self._shape, _address(self._table))
        if not self._member:
            raise MemoryError("not enough memory for a member's activations")
        weakref.finalize(self, self._library.free, self._member)

    def gradients(
        self, windows: Tensor, grads: Mapping[str, Tensor], past: Sequence[Tensor] | None = None
    ) -> float:
        """Mean next-token loss of windows (n, length + 1), in nats; `grads` get its gradients.

        `past`: for a route that is given one, the inputs (width, n x length) of each layer.
        """
        windows = windows.long().contiguous()
        pointers = _pointers([grads[name] for name in self._names])
        batch = self._batch(windows, 1)
        inputs = self._given(past, batch)
        return self._library.gradients(
            self._member, self._pointers, pointers, self._route, batch, _address(inputs)
        )

    def nats(self, windows: Tensor, past: Sequence[Tensor] | None = None) -> float:
        """Mean next-token loss, in nats; arguments as of `gradients`."""
        return self._score(windows, past)

    def scores(
        self, windows: Tensor, past: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Losses of all positions in nats, and whether no token is more probable than the target.

        Both (n, length); arguments as of `gradients`.
        """
        count, apart = windows.shape
        losses = self._empty(count, apart - 1)
        tops = torch.empty(count, apart - 1, dtype=torch.bool)
        self._score(windows, past, losses, tops)
        return losses, tops

    def _score(
        self,
        windows: Tensor,
        past: Sequence[Tensor] | None,
        losses: Tensor | None = None,
        tops: Tensor | None = None,
    ) -> float:
        windows = windows.long().contiguous()
        batch = self._batch(windows, 1)
        inputs = self._given(past, batch)
        return self._library.scores(
            self._member, self._pointers, self._route, batch, _address(inputs), _address(losses),
            _address(tops),
        )  # fmt: skip

    def logits(
        self, tokens: Tensor, last: int | None = None, past: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Logits (n, last, vocabulary) of the last positions of tokens (n, length); all if None."""
        windows, length = tokens.shape
        last = last or length
        if not 0 < last <= length:
            raise ValueError(f"the last {last} positions of windows of {length} tokens")
        result = self._empty(windows, last, self._shape.vocabulary)
        self._forward(tokens, past, last=last, logits=result)
        return result

    def streams(self, tokens: Tensor, past: Sequence[Tensor] | None = None) -> Tensor:
        """Residual streams before each block and after the last, (levels, n, length, width)."""
        result = self._empty(self._shape.layers + 1, *tokens.shape, self._shape.width)
        self._forward(tokens, past, streams=result)
        return result

    def inputs(self, tokens: Tensor) -> Tensor:
        """The normalised inputs of each layer's attention, (layers, width, n x length)."""
        result = self._empty(self._shape.layers, self._shape.width, tokens.numel())
        self._forward(tokens, None, inputs=result)
        return result

    def _batch(self, windows: Tensor, targets: int) -> Batch:
        """Windows (n, length + targets), which must outlive the batch, as the library takes them.

        The library trusts its arguments. Raises ValueError for windows beyond the context and
        IndexError for ids beyond the vocabulary.
        """
        count, apart = windows.shape
        length, context = apart - targets, self._shape.context
        if not 0 < length <= context:
            raise ValueError(f"windows of {length} tokens, for a context of {context}")
        if count and not 0 <= int(windows.min()) <= int(windows.max()) < self._shape.vocabulary:
            raise IndexError(f"token ids beyond the vocabulary of {self._shape.vocabulary}")
        return Batch(windows.data_ptr(), count, length, apart)

    def _given(self, past: Sequence[Tensor] | None, batch: Batch) -> Tensor | None:
        """The inputs of all layers of another model, where the route reads them.

        Raises ValueError if they are missing or not those of the batch.
        """
        if self._route.past != PASTS.index("given"):
            return None
        if past is None:
            raise ValueError("this member needs a past")
        inputs = torch.stack(tuple(past)).to(self._dtype)
        wanted = (self._shape.layers, self._shape.width, batch.windows * batch.length)
        if inputs.shape != wanted:
            raise ValueError(f"a past of shape {tuple(inputs.shape)} instead of {wanted}")
        return inputs

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self._dtype)

    def _forward(
        self,
        tokens: Tensor,
        past: Sequence[Tensor] | None,
        last: int = 0,
        logits: Tensor | None = None,
        streams: Tensor | None = None,
        inputs: Tensor | None = None,
    ) -> None:
        tokens = tokens.long().contiguous()
        batch = self._batch(tokens, 0)
        given = self._given(past, batch)
        self._library.forward(
            self._member, self._pointers, self._route, batch, _address(given), last,
            _address(logits), _address(streams), _address(inputs),
        )  # fmt: skip


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _pointers(tensors: Sequence[Tensor]) -> "ctypes.Array[ctypes.c_void_p]":
    assert all(tensor.is_contiguous() for tensor in tensors)
    return (ctypes.c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors])
