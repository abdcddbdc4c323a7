"""How many floating point operations of matrix products a token needs: the one place it is said.

Counted: the products with weights that a token goes through, two operations a weight forward and
four backward (the embedding is looked up, not multiplied); and of attention, over the keys that a
position sees, on average half of the context, two products forward and five backward, one of
which makes the scores again. Not counted: norms, softmax, rotary positions, the optimiser, and
whatever an implementation multiplies beyond the diagonal.
"""

from manymasks.config.training import Size


def weights(size: Size, vocabulary: int) -> int:
    """Weights in matrices that a token is multiplied with."""
    d = size.width
    return size.layers * (4 * d * d + 2 * size.mlp * d * d) + vocabulary * d


def forward(size: Size, vocabulary: int, context: int) -> float:
    """Operations a token, forward only."""
    return 2 * weights(size, vocabulary) + 2 * _product(size, context)


def training(size: Size, vocabulary: int, context: int) -> float:
    """Operations a token, forward and backward."""
    return 6 * weights(size, vocabulary) + 7 * _product(size, context)


def _product(size: Size, context: int) -> float:
    return size.layers * 2 * size.width * (context + 1) / 2
