"""A member as a model of the library `transformers`: its class `ArceeForCausalLM`.

That class computes what a member with rotary positions computes: RMSNorm, no biases, an MLP of two
matrices, pairs of a half rotation, and an untied unembedding. So weights are renamed and copied.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from manymasks.config.training import Size
from manymasks.models.parts import EPSILON

ACTIVATIONS = {"gelu": "gelu_pytorch_tanh", "relu2": "relu2"}
OUTSIDE = {
    "W_E": "model.embed_tokens.weight",
    "norm": "model.norm.weight",
    "W_U": "lm_head.weight",
}
INSIDE = {
    "norm_attention": "input_layernorm.weight",
    "W_Q": "self_attn.q_proj.weight",
    "W_K": "self_attn.k_proj.weight",
    "W_V": "self_attn.v_proj.weight",
    "W_O": "self_attn.o_proj.weight",
    "norm_mlp": "post_attention_layernorm.weight",
    "W_in": "mlp.up_proj.weight",
    "W_out": "mlp.down_proj.weight",
}


def is_exportable(size: Size) -> bool:
    """Whether `ArceeForCausalLM` computes the same: it has no learned positions, and an MLP in
    every block."""
    return size.positions == "rotary" and size.mlp > 0


def arcee_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A member's weights, without a model axis, by their names in `ArceeForCausalLM`."""
    return {_name(name): weight.detach().cpu().clone() for name, weight in weights.items()}


def _name(name: str) -> str:
    if name in OUTSIDE:
        return OUTSIDE[name]
    _, layer, leaf = name.split(".")
    return f"model.layers.{layer}.{INSIDE[leaf]}"


def arcee_config(size: Size, vocabulary: int, context: int, end_of_text: int) -> dict[str, Any]:
    """The content of `config.json`, for transformers 4 and 5."""
    rotary = {"rope_type": "default", "rope_theta": size.rotary_base}
    return {
        "architectures": ["ArceeForCausalLM"],
        "model_type": "arcee",
        "hidden_act": ACTIVATIONS[size.activation],
        "hidden_size": size.width,
        "intermediate_size": size.width * size.mlp,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.heads,
        "head_dim": size.width // size.heads,
        "max_position_embeddings": context,
        "rms_norm_eps": EPSILON,
        "rope_parameters": rotary,
        "rope_theta": size.rotary_base,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "vocab_size": vocabulary,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "dtype": "float32",
        "torch_dtype": "float32",
    }
