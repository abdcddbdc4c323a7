"""Text to tokens and back: byte-level BPE, raw bytes, characters, or words of a fixed list.

Token 0 is the end of text for all kinds. Text that spells it is text like any other; a list of
words does not have it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from manymasks.config.training import TokenizerSettings
from manymasks.errors import UserError

Ids = npt.NDArray[np.uint32]
Kind = Literal["bpe", "bytes", "characters", "words"]

END_OF_TEXT = "<|endoftext|>"
FORMAT = 1
UNKNOWN = 1
"""`characters` only: the token of every character that was not in the train split."""


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer and all it needs.

    `definition` is the BPE as JSON, the characters, sorted, or the words with spaces between.
    Vocabulary: `bpe` what it was trained to; `bytes` 257, byte b is token b + 1; `characters`
    the characters from token 2 on; `words` the words, of which the first is the end of text.
    """

    kind: Kind
    vocabulary: int
    definition: str

    @property
    def end_of_text(self) -> int:
        """Token that ends a document."""
        return 0

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Tokens of each text; the end of text is not appended.

        Raises TypeError or UnicodeEncodeError for a lone surrogate: it is not text. `words`
        raises ValueError for a word that it does not have, and for the one that is no text
        but its end.
        """
        if self.kind == "bpe":
            found = self._bpe.encode_batch_fast(list(texts), add_special_tokens=False)
            return [np.array(encoding.ids, dtype=np.uint32) for encoding in found]
        if self.kind == "bytes":
            return [np.frombuffer(t.encode(), dtype=np.uint8).astype(np.uint32) + 1 for t in texts]
        one = self._encode_words if self.kind == "words" else self._encode_characters
        return [one(text) for text in texts]

    def decode(self, ids: Iterable[int] | npt.NDArray[Any]) -> str:
        """Text of tokens. The end of text is spelled out, what is not UTF-8 becomes U+FFFD."""
        array = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)
        if array.size and not 0 <= array.min() <= array.max() < self.vocabulary:
            raise ValueError(
                f"tokens from {array.min()} to {array.max()}: this tokenizer has 0 to "
                f"{self.vocabulary - 1}"
            )
        if self.kind == "bpe":
            return self._bpe.decode(array.tolist(), skip_special_tokens=False)
        if self.kind == "characters":
            spelled = [END_OF_TEXT, "\ufffd", *self.definition]
            return "".join(spelled[i] for i in array.tolist())
        if self.kind == "words":
            spelled = [END_OF_TEXT, *self._words[1:]]
            return " ".join(spelled[i] for i in array.tolist())
        ends = np.flatnonzero(array == self.end_of_text)
        texts = [
            (piece[piece != self.end_of_text] - 1).astype(np.uint8).tobytes()
            for piece in np.split(array, ends)
        ]
        return END_OF_TEXT.join(text.decode(errors="replace") for text in texts)

    def unknown(self, ids: npt.NDArray[Any]) -> int:
        """How many of the tokens stand for characters the tokenizer does not know."""
        return int(np.count_nonzero(ids == UNKNOWN)) if self.kind == "characters" else 0

    def save(self, path: Path) -> None:
        """Write the tokenizer as JSON; equal tokenizers give equal bytes."""
        definition = json.loads(self.definition) if self.kind == "bpe" else self.definition
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "vocabulary": self.vocabulary,
            "end_of_text": self.end_of_text,
            "definition": definition,
        }
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        part.replace(path)

    @cached_property
    def _bpe(self) -> tokenizers.Tokenizer:
        bpe = tokenizers.Tokenizer.from_str(self.definition)
        # Not part of the file: without it text that spells the end of text becomes it.
        bpe.encode_special_tokens = True
        return bpe

    @cached_property
    def _points(self) -> Ids:
        return _points(self.definition)

    @cached_property
    def _words(self) -> list[str]:
        return self.definition.split(" ")

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self._words) if number}

    def _encode_words(self, text: str) -> Ids:
        try:
            numbers = [self._numbers[word] for word in text.split(" ")] if text else []
        except KeyError as error:
            raise ValueError(f"{error} is not a word of this tokenizer") from None
        return np.array(numbers, dtype=np.uint32)

    def _size(self) -> int:
        """How many tokens the definition has; ValueError where its words are none."""
        if self.kind == "bytes":
            return 257
        if self.kind == "characters":
            return len(self.definition) + 2
        if self.kind == "words":
            return of_words(self._words).vocabulary
        return self._bpe.get_vocab_size()

    def _encode_characters(self, text: str) -> Ids:
        points = _points(text)
        place = np.searchsorted(self._points, points)
        known = self._points[np.minimum(place, self._points.size - 1)] == points
        return np.where(known, place + 2, UNKNOWN).astype(np.uint32)


def train(settings: TokenizerSettings, texts: Iterable[str]) -> Tokenizer:
    """A tokenizer of the kind asked for, from the texts of the train split (read once).

    The same for any order of the texts and any number of threads. Raises UserError where
    the texts do not hold the vocabulary asked for.
    """
    if settings.kind == "bytes":
        return Tokenizer("bytes", 257, "")
    if settings.kind == "characters":
        found: set[str] = set()
        for text in texts:
            found.update(text)
        if not found:
            raise UserError("tokenizer: the train split has no characters to make a vocabulary of.")
        return Tokenizer("characters", len(found) + 2, "".join(sorted(found)))
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.encode_special_tokens = True
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[END_OF_TEXT],
        # All 256 bytes, seen or not: bytes without a token would vanish from the text.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    reached = bpe.get_vocab_size()
    if reached != settings.vocabulary:
        raise UserError(
            f"tokenizer.vocabulary: {settings.vocabulary} tokens were asked for, and the train "
            f"split holds only enough text for {reached}. Set it to at most {reached}, or give "
            "more text."
        )
    return Tokenizer("bpe", reached, json.dumps(json.loads(bpe.to_str()), ensure_ascii=False))


def of_words(names: Sequence[str]) -> Tokenizer:
    """A tokenizer of words with single spaces between them; token i is names[i].

    The first name stands for the end of text. A text cannot say it.

    Raises:
        ValueError: where there is no name, or where one is empty, has white space or comes twice.
    """
    if not names or len(set(names)) < len(names) or any(name.split() != [name] for name in names):
        raise ValueError(f"these are not different words without white space: {list(names)}")
    return Tokenizer("words", len(names), " ".join(names))


def load(path: Path) -> Tokenizer:
    """A tokenizer as `save` wrote it; raises UserError where the file is no such thing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["kind"] not in get_args(Kind):
            raise ValueError(f"format {content['format']}, kind {content['kind']}")
        bpe = content["kind"] == "bpe"
        definition = content["definition"]
        loaded = Tokenizer(
            content["kind"],
            int(content["vocabulary"]),
            json.dumps(definition, ensure_ascii=False) if bpe else definition,
        )
        size = loaded._size()
        if size != loaded.vocabulary:
            raise ValueError(f"{size} tokens, and a vocabulary of {loaded.vocabulary}")
    except OSError as error:
        raise UserError(f"{path}: the tokenizer cannot be read ({error.strerror}).") from error
    except Exception as error:
        # The tokenizers library raises plain Exception for a definition it cannot read.
        raise UserError(
            f"{path}: is not a tokenizer of format {FORMAT} ({error}). Delete its artifact to "
            "have it made again."
        ) from error
    return loaded


def _points(text: str) -> Ids:
    """Code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint32)
