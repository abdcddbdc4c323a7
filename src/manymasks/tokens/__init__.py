"""Text becomes tokens: tokenizers, Arrow shards, the order they are visited in."""
