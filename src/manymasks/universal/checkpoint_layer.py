"""The output layer of a checkpoint of `transformers`, as the bounds over every prefix see it.

A causal model ends in a norm and an unembedding, tied to the embedding or not, with or without
biases. RMSNorm with a gain, or LayerNorm with a gain and a shift, returns g z + s, where z is in
the ball |z| <= sqrt(width); that of LayerNorm has mean 0 too. So logits are A z + b with rows
a_v = g w_v, minus their mean for LayerNorm, and b_v = w_v.s + c_v. Which norm it is follows from
drawn vectors on which the module is tried; a model that ends otherwise is refused with the reason.

Rounding of float32 is bounded as for members that are trained here. LayerNorm subtracts a mean, so
its error grows with the mean of the stream beside its standard deviation: what is proved of the
float32 logits holds where that ratio is at most `MEAN_RATIO`.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from manymasks.arrays import Floats, Ints
from manymasks.models.hugging_face import CausalModel
from manymasks.universal.certificate import MARGIN, NORM_SLACK, ROUNDOFF, OutputLayer

MEAN_RATIO = 4.0
"""Mean of a stream over its standard deviation that the allowance for LayerNorm covers."""
DRAWN = 8
"""Vectors on which the form of a norm is tried."""
CLOSE = 1e-4
"""Relative error of the norm of float32 on them."""
Form = Literal["rms", "layer"]


class NotBounded(Exception):
    """Why bounds over every prefix do not apply to a model."""


@dataclass(frozen=True)
class CheckpointLayer:
    """The final norm of a model with its output layer."""

    layer: OutputLayer
    norm: nn.Module
    form: Form
    epsilon: float

    def unit(self, stream: Tensor) -> Tensor:
        """The normalised stream z of streams (..., width), in their precision."""
        if self.form == "layer":
            stream = stream - stream.mean(-1, keepdim=True)
        return stream * (stream.square().mean(-1, keepdim=True) + self.epsilon).rsqrt()


def checkpoint_layer(causal: CausalModel, vocabulary: int) -> CheckpointLayer:
    """The output layer of a model, of the first `vocabulary` tokens. Raises NotBounded for a model
    that does not end in a norm and an unembedding of float32."""
    model: Any = causal.model
    head = model.get_output_embeddings()
    if model.dtype != torch.float32:
        raise NotBounded(
            f"its products are {str(model.dtype).removeprefix('torch.')}, whose rounding the "
            "bounds do not cover (dtype: float32 has them)"
        )
    if not causal.has_plain_head or not isinstance(head, nn.Linear):
        raise NotBounded("its logits are not its unembedding of the last hidden state alone")
    norm = _final_norm(causal)
    if any(weight.is_meta for weight in (head.weight, *norm.parameters())):
        raise NotBounded("its device map keeps its unembedding outside the memory of a device")
    form, gain, epsilon = _form(norm)
    shift = _vector(getattr(norm, "bias", None), gain, 0.0)
    weights = head.weight[:vocabulary].detach().double().cpu().numpy()
    bias = _vector(head.bias, weights[:, 0], 0.0)[:vocabulary]
    layer = _layer(form, weights, gain, shift, bias)
    return CheckpointLayer(layer, norm, form, epsilon)


def _layer(form: Form, weights: Floats, gain: Floats, shift: Floats, bias: Floats) -> OutputLayer:
    width = len(gain)
    raw = weights * gain
    rows = raw - raw.mean(axis=1, keepdims=True) if form == "layer" else raw
    offsets = weights @ shift + bias
    roundoff = (width + 16) * ROUNDOFF
    longest = float(np.linalg.norm(raw, axis=1).max())
    radius = np.sqrt(width)
    if form == "layer":
        # Relative to the radius: of the mean, of the standard deviation, and of their differences.
        slack, within = 0.0, 2 * roundoff * (1 + MEAN_RATIO)
    else:
        slack, within = max(NORM_SLACK, roundoff), 0.0
    # Products and sums of gain, shift, unembedding and bias, in any order.
    terms = (width + 6) * ROUNDOFF / (1 - (width + 6) * ROUNDOFF)
    largest = float((np.abs(weights) @ np.abs(shift) + np.abs(bias)).max())
    error = (within + MARGIN) * radius * longest
    error += terms * (radius * (1 + max(slack, within)) * longest + largest)
    digest = hashlib.sha256(form.encode())
    for array in (weights, gain, shift, bias):
        digest.update(np.array(array.shape, "<i8").tobytes() + array.astype("<f8").tobytes())
    return OutputLayer(
        rows, offsets if offsets.any() else None, slack, float(error), digest.hexdigest()
    )


def _vector(weight: Tensor | None, like: Floats, missing: float) -> Floats:
    """A vector of weights, in float64; a constant where there is none."""
    if weight is None:
        return np.full(len(like), missing)
    return np.asarray(weight.detach().double().cpu().numpy())


@torch.no_grad()
def _final_norm(causal: CausalModel) -> nn.Module:
    """The module that returns the last hidden state."""
    norms = [
        module
        for module in causal.model.base_model.modules()
        if type(module).__name__.endswith("Norm")
    ]
    outputs: list[tuple[nn.Module, Tensor]] = []

    def after(module: nn.Module, given: Any, output: Any) -> None:
        outputs.append((module, output))

    handles = [norm.register_forward_hook(after) for norm in norms]
    try:
        tokens = torch.zeros((1, 2), dtype=torch.int64, device=causal.device)
        states = causal.model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
    finally:
        for handle in handles:
            handle.remove()
    if not outputs or not torch.equal(outputs[-1][1].to(states.device), states):
        raise NotBounded("its last hidden state does not come from a final norm")
    return outputs[-1][0]


@torch.no_grad()
def _form(norm: nn.Module) -> tuple[Form, Floats, float]:
    """What a norm computes, its gain (width,) and its epsilon, tried on drawn vectors."""
    weight = getattr(norm, "weight", None)
    shift = getattr(norm, "bias", None)
    epsilon = float(getattr(norm, "eps", None) or getattr(norm, "variance_epsilon", None) or 1e-6)
    width = len(weight) if weight is not None else _width(norm)
    like = next(iter(norm.parameters()), torch.zeros(1))
    generator = torch.Generator().manual_seed(0)
    drawn = 1 + torch.randn((DRAWN, width), generator=generator, dtype=torch.float64)
    output = norm(drawn.float().to(like.device)).double().cpu()
    drawn = drawn.float().double()
    centred = drawn - drawn.mean(-1, keepdim=True)
    streams: dict[Form, Tensor] = {"layer": centred, "rms": drawn}
    raw = torch.from_numpy(_vector(weight, np.empty(width), 1.0))
    added = torch.from_numpy(_vector(shift, np.empty(width), 0.0))
    for form, x in streams.items():
        unit = x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt()
        # Some classes keep a gain as its difference from 1.
        for gain in (raw, 1 + raw):
            if (unit * gain + added - output).norm() <= CLOSE * output.norm():
                return form, gain.numpy(), epsilon
    raise NotBounded(
        f"its final norm, {type(norm).__name__}, is neither RMSNorm nor LayerNorm with a gain"
    )


def _width(norm: nn.Module) -> int:
    shape: Any = getattr(norm, "normalized_shape", None)
    if not shape or len(shape) != 1:
        raise NotBounded(f"the width of its final norm, {type(norm).__name__}, is not stated")
    return int(shape[0])


@dataclass(frozen=True)
class MeasuredRounding:
    """Rounding of float32 on windows of text."""

    error: float
    """Largest difference between logits and those of the same stream in float64."""
    mean_ratio: float
    """Largest mean of a stream over its standard deviation."""


@torch.no_grad()
def measured_rounding(
    causal: CausalModel, ended: CheckpointLayer, tokens: Ints
) -> MeasuredRounding:
    """Of windows (n, positions). Raises NotBounded where it is more than the bounds allow for."""
    layer = ended.layer
    streams: list[Tensor] = []

    def before(norm: nn.Module, given: tuple[Any, ...]) -> None:
        streams.append(given[0].detach().double().cpu())

    error = ratio = 0.0
    handle = ended.norm.register_forward_pre_hook(before)
    try:
        for window in torch.from_numpy(tokens):
            logits = causal.logits(window[None].to(causal.device))[..., : len(layer.rows)]
            stream = streams.pop()[0]
            exact = layer.logits(ended.unit(stream).numpy())
            error = max(error, float(np.abs(logits[0].double().cpu().numpy() - exact).max()))
            spread = (stream.var(-1, correction=0) + ended.epsilon).sqrt()
            ratio = max(ratio, float((stream.mean(-1).abs() / spread).max()))
    finally:
        handle.remove()
    if ended.form == "layer" and ratio > MEAN_RATIO:
        raise NotBounded(
            f"the mean of its last residual stream is {ratio:.1f} times the standard deviation on "
            f"text, and the allowance for LayerNorm covers {MEAN_RATIO:g}"
        )
    if error > layer.logit_error + layer.float_radius * layer.slack * layer.longest_row:
        raise NotBounded(
            f"its logits on text are {error:.2g} from those of its last norm and unembedding, "
            f"which rounding does not explain ({layer.logit_error:.2g} at most)"
        )
    return MeasuredRounding(error, ratio)
