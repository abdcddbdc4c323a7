"""A `tokenizer.json` of the library `tokenizers`, trained elsewhere, as a tokenizer of the study.

Its tokens keep their numbers. Truncation, padding and dropout are taken out: text keeps its end,
and its tokens are the same each time. Special tokens are never added, and text that spells one is
ordinary text.
"""

import json
from pathlib import Path
from typing import Any

import tokenizers

from manymasks.config.training import TokenizerSettings
from manymasks.errors import UserError
from manymasks.tokens.tokenizer import Tokenizer

LARGEST_VOCABULARY = 1_000_000
USUAL_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[SEP]", "<sep>")
"""Names of the token that ends a document, the most specific first."""
SHOWN = 12
"""Special tokens that a message lists."""


def read_pretrained(path: Path, settings: TokenizerSettings) -> Tokenizer:
    """The tokenizer of a file. Raises UserError if it is not a tokenizer.json, has no token that
    ends a document, or has too many tokens."""
    try:
        definition: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        definition |= {"truncation": None, "padding": None}
        if definition["model"].get("dropout") is not None:
            definition["model"]["dropout"] = None
        text = json.dumps(definition, ensure_ascii=False)
        vocabulary = tokenizers.Tokenizer.from_str(text).get_vocab(with_added_tokens=True)
    except OSError as error:
        raise UserError(f"{path}: the tokenizer cannot be read ({error.strerror}).") from error
    except Exception as error:
        # The tokenizers library raises plain Exception for a definition it cannot read.
        raise UserError(
            f"{path}: is not a tokenizer.json that tokenizers {tokenizers.__version__} reads "
            f"({error}). A SentencePiece model or vocab.json with merges.txt becomes one by "
            "`AutoTokenizer.from_pretrained(...).save_pretrained(FOLDER)` of transformers."
        ) from error
    # Numbers without a token are tokens that no text has.
    size = max(vocabulary.values(), default=-1) + 1
    if size < 2 or size > LARGEST_VOCABULARY:
        raise UserError(
            f"{path}: has {size:,} tokens; a tokenizer has from 2 to {LARGEST_VOCABULARY:,}."
        )
    end = _end_of_text(path, definition, vocabulary, settings.end_of_text)
    return Tokenizer("pretrained", size, text, end)


def _end_of_text(
    path: Path, definition: dict[str, Any], vocabulary: dict[str, int], name: str | None
) -> int:
    """The number of the token that ends a document; `name`: that of the settings."""
    special = [token["content"] for token in definition.get("added_tokens") or []]
    shown = ", ".join(special[:SHOWN]) + (", ..." if len(special) > SHOWN else "")
    known = f"Its added tokens: {shown}" if special else "It has no added tokens"
    if name is not None:
        if name not in vocabulary:
            raise UserError(f"tokenizer.end_of_text: '{name}' is not a token of {path}. {known}.")
        return vocabulary[name]
    usual = next((name for name in USUAL_ENDS if name in vocabulary), None)
    if usual is None:
        raise UserError(
            f"{path}: has no token with a usual name for the end of a document "
            f"({', '.join(USUAL_ENDS)}). {known}. Set tokenizer.end_of_text to the one to use."
        )
    return vocabulary[usual]
