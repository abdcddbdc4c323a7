"""Sizes of the parts of a recurrent block; standard library only, as plans read them too."""

NARROWEST = 4
"""Least rank of a low-rank map."""


def low_rank(width: int) -> int:
    """Rank of the maps to decays, rates and gates."""
    return max(NARROWEST, width // 8)


def mixer_weights(
    width: int, head_size: int, decay: str, *, delta: bool, token_shift: bool, read_norm: bool
) -> int:
    """Number of weights of the recurrent part of a block, its input norm left out."""
    rank = low_rank(width)
    rates = width // head_size if decay == "scalar" else width
    # W_R, W_K, W_V and W_O; the decay with its bias; the gate; the bonus.
    count = 4 * width**2 + (rank + 1) * rates + rank * width + 2 * rank * width + width
    if delta:
        # The rate with its bias, and the scales of keys and of what is looked up.
        count += 2 * rank * width + 3 * width
    shifted = 5 + delta
    return count + token_shift * shifted * width + read_norm * width


def matched_hidden(width: int, mlp: int, weights: int) -> int:
    """Hidden width of the MLP with which a block with so many weights in its recurrent part has as
    many weights as a block of attention with an MLP of `mlp` times the width. 0 where `mlp` is 0,
    negative where no MLP is narrow enough."""
    if not mlp:
        return 0
    return round((4 * width**2 + 2 * mlp * width**2 - weights) / (2 * width))
