"""Text to tokens and back: BPE, a pretrained tokenizer, bytes, characters, or a list of words.

Token 0 is the end of text, except for a pretrained tokenizer. Text that spells it is ordinary text,
except that a list of words cannot encode it.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from manymasks.config.training import TokenizerSettings
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError
from manymasks.tokens.boundaries import pieces
from manymasks.tokens.words import Ragged, WordEncoder, bytes_of

Ids = npt.NDArray[np.uint32]
Kind = Literal["bpe", "bytes", "characters", "words", "pretrained"]
BY_LIBRARY: tuple[Kind, ...] = ("bpe", "pretrained")
"""Kinds that the library `tokenizers` encodes."""

END_OF_TEXT = "<|endoftext|>"
FORMAT = 1
PIECES_AT_ONCE = 2**20
"""Bytes of a text beyond which it is encoded in pieces, and about the characters of these that are
encoded at once."""
ONE_MATCH = re.compile(r" ?(?:[A-Za-z]+|[0-9]+|[!-/:-@\[-`{-~]+)")
"""Words that are one match of GPT-2's pattern: merges alone encode them, three times as fast."""
SPACE = "\u0120"
"""The space in the byte-level alphabet, in which other printable ASCII is itself."""
UNKNOWN = 1
"""`characters` only: the token of all characters that are not in the train split."""


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer, defined by JSON of the library `tokenizers`, the sorted characters, or the words
    separated by spaces. Vocabulary: `bpe` the size it was trained to; `pretrained` up to its
    largest token; `bytes` 257, byte b is token b + 1; `characters` from token 2 on; `words` the
    words, the first being the end of text."""

    kind: Kind
    vocabulary: int
    definition: str
    end_of_text: int = 0
    """Token that ends a document."""

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Tokens of each text, without the end of text. Raises TypeError or UnicodeEncodeError for
        a lone surrogate, which is not text. `words` raises ValueError for an unknown word and for
        the name of the end of text."""
        if self.kind in BY_LIBRARY:
            encodings = self._library.encode_batch_fast(list(texts), add_special_tokens=False)
            return [np.array(encoding.ids, dtype=np.uint32) for encoding in encodings]
        if self.kind == "bytes":
            return [np.frombuffer(t.encode(), dtype=np.uint8).astype(np.uint32) + 1 for t in texts]
        one = self._encode_words if self.kind == "words" else self._encode_characters
        return [one(text) for text in texts]

    def encode_long(self, texts: Sequence[str]) -> list[Ids]:
        """Tokens of each text, of any length: see `encode_array`."""
        return self.encode_array(pa.array(texts, pa.large_string())).rows()

    def encode_array(self, texts: pa.StringArray) -> Ragged:
        """Tokens of each text of an Arrow array, of any length: BPE encodes words, and long texts
        in pieces, with the same tokens. A pretrained tokenizer that is not a byte-level BPE like
        GPT-2's encodes whole texts, and may have other tokens where a long text is cut."""
        if self.kind == "bytes":
            data, offsets = bytes_of(texts)
            return Ragged(data.astype(np.uint32) + 1, offsets)
        if self.kind not in BY_LIBRARY:
            return Ragged.stack(self.encode(texts.to_pylist()))
        _, offsets = bytes_of(texts)
        in_pieces = np.flatnonzero(np.diff(offsets) > PIECES_AT_ONCE)
        if not in_pieces.size and self._has_words:
            encoded, in_pieces = self._words_seen.encode(texts)
            if not in_pieces.size:
                return encoded
        rows = set(in_pieces.tolist())
        return Ragged.stack(
            [
                self._encode_pieces(text) if i in rows else self._encode_list([text])
                for i, text in enumerate(texts.to_pylist())
            ]
        )

    def _encode_pieces(self, text: str) -> Ids:
        parts: list[Ids] = []
        waiting: list[str] = []
        size = 0
        for piece in pieces(text):
            waiting.append(piece)
            size += len(piece)
            if size >= PIECES_AT_ONCE:
                parts.append(self._encode_list(waiting))
                waiting, size = [], 0
        return np.concatenate([*parts, self._encode_list(waiting)])

    def _encode_list(self, texts: list[str]) -> Ids:
        """Tokens of some texts, one after the other."""
        if self._has_words:
            return self._words_seen.encode(pa.array(texts, pa.string()), longest=None)[0].values
        return np.concatenate([np.zeros(0, np.uint32), *self.encode(texts)])

    def decode(self, ids: Iterable[int] | npt.NDArray[Any]) -> str:
        """Text of tokens. The end of text is spelled out; invalid UTF-8 becomes U+FFFD."""
        array = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)
        if array.size and not 0 <= array.min() <= array.max() < self.vocabulary:
            raise ValueError(
                f"tokens from {array.min()} to {array.max()}: this tokenizer has 0 to "
                f"{self.vocabulary - 1}"
            )
        if self.kind in BY_LIBRARY:
            return self._library.decode(array.tolist(), skip_special_tokens=False)
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

    def bytes_of_first(self, text: str, ids: Ids, count: int) -> int:
        """UTF-8 bytes of a text that the first `count` of its tokens `ids` stand for. A character
        may be cut within."""
        if self.kind == "bpe" or (self.kind == "pretrained" and self._has_words):
            return int(self._token_bytes[ids[:count]].sum())
        if self.kind == "bytes":
            return count
        if self.kind == "characters":
            return len(text[:count].encode())
        if self.kind == "pretrained":
            begin = next(pieces(text))
            spans = self._library.encode(begin, add_special_tokens=False).offsets
            if len(spans) < count:
                spans = self._library.encode(text, add_special_tokens=False).offsets
            return len(text[: spans[count - 1][1]].encode())
        return len(" ".join(text.split(" ")[:count]).encode())

    def unknown(self, ids: npt.NDArray[Any]) -> int:
        """Number of tokens that stand for unknown characters or words."""
        unknown = self._unknown
        return 0 if unknown is None else int(np.count_nonzero(ids == unknown))

    def save(self, path: Path) -> None:
        """Write the tokenizer as JSON; equal tokenizers give equal bytes."""
        definition = self._json if self.kind in BY_LIBRARY else self.definition
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "vocabulary": self.vocabulary,
            "end_of_text": self.end_of_text,
            "definition": definition,
        }
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        with replacing(path) as part:
            part.write_text(text, encoding="utf-8")

    @cached_property
    def _library(self) -> tokenizers.Tokenizer:
        library = tokenizers.Tokenizer.from_str(self.definition)
        # Not saved in the file. Without it, text that spells the end of text is encoded as such.
        library.encode_special_tokens = True
        return library

    @cached_property
    def _json(self) -> Any:
        return json.loads(self.definition)

    @cached_property
    def _has_words(self) -> bool:
        """Whether the tokens of a text are those of its words: byte-level BPE by GPT-2's pattern,
        without a change of the text and without tokens that text is searched for."""
        before = self._json.get("pre_tokenizer") or {}
        return bool(
            self._json["model"]["type"] == "BPE"
            and not self._json.get("normalizer")
            and before.get("type") == "ByteLevel"
            and not before.get("add_prefix_space", True)
            and before.get("use_regex", True)
            and all(token["special"] for token in self._json.get("added_tokens") or [])
        )

    @cached_property
    def _unknown(self) -> int | None:
        if self.kind == "characters":
            return UNKNOWN
        if self.kind != "pretrained":
            return None
        model = self._json["model"]
        name = model.get("unk_token")
        return model.get("unk_id") if name is None else self._library.token_to_id(name)

    @cached_property
    def _token_bytes(self) -> npt.NDArray[np.int64]:
        """Bytes of each token: the byte-level alphabet has a character for each byte."""
        names = (self._library.id_to_token(i) or "" for i in range(self.vocabulary))
        return np.array([len(name) for name in names], dtype=np.int64)

    @cached_property
    def _words_seen(self) -> WordEncoder:
        library, tokenize = self._library, self._library.model.tokenize

        def encode(words: list[str]) -> list[list[int]]:
            is_match = [ONE_MATCH.fullmatch(word) is not None for word in words]
            others = [word for word, alone in zip(words, is_match, strict=True) if not alone]
            encoded = iter(library.encode_batch_fast(others, add_special_tokens=False))
            return [
                [token.id for token in tokenize(word.replace(" ", SPACE))]
                if alone
                else next(encoded).ids
                for word, alone in zip(words, is_match, strict=True)
            ]

        return WordEncoder(encode)

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
        """Number of tokens of the definition; ValueError if its words are not valid."""
        if self.kind == "bytes":
            return 257
        if self.kind == "characters":
            return len(self.definition) + 2
        if self.kind == "words":
            return word_tokenizer(self._words).vocabulary
        if self.kind == "pretrained":
            return max(self._library.get_vocab(with_added_tokens=True).values()) + 1
        return self._library.get_vocab_size()

    def _encode_characters(self, text: str) -> Ids:
        points = _points(text)
        index = np.searchsorted(self._points, points)
        is_known = self._points[np.minimum(index, self._points.size - 1)] == points
        return np.where(is_known, index + 2, UNKNOWN).astype(np.uint32)


def train(settings: TokenizerSettings, texts: Iterable[str]) -> Tokenizer:
    """Train a tokenizer on the texts of the train split, which are read once. The result depends
    neither on the order of the texts nor on the number of threads. Raises UserError if the texts
    are too few for the vocabulary of the settings."""
    if settings.kind == "bytes":
        return Tokenizer("bytes", 257, "")
    if settings.kind == "characters":
        characters: set[str] = set()
        for text in texts:
            characters.update(text)
        if not characters:
            raise UserError("tokenizer: the train split has no characters to make a vocabulary of.")
        return Tokenizer("characters", len(characters) + 2, "".join(sorted(characters)))
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.encode_special_tokens = True
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[END_OF_TEXT],
        # All 256 bytes, seen or not: bytes without a token would be dropped from the text.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((piece for text in texts for piece in pieces(text)), trainer)
    reached = bpe.get_vocab_size()
    if reached != settings.vocabulary:
        raise UserError(
            f"tokenizer.vocabulary: {settings.vocabulary} tokens were asked for, and the train "
            f"split holds only enough text for {reached}. Set it to at most {reached}, or give "
            "more text."
        )
    return Tokenizer("bpe", reached, json.dumps(json.loads(bpe.to_str()), ensure_ascii=False))


def word_tokenizer(names: Sequence[str]) -> Tokenizer:
    """A tokenizer of words separated by single spaces; token i is names[i]. The first name is the
    end of text, which no text contains. Raises ValueError without names, or if one is empty, has
    white space or occurs twice."""
    if not names or len(set(names)) < len(names) or any(name.split() != [name] for name in names):
        raise ValueError(f"names must be distinct words without white space, found {list(names)}")
    return Tokenizer("words", len(names), " ".join(names))


def load(path: Path) -> Tokenizer:
    """Load a tokenizer that `save` wrote; raises UserError for any other file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["kind"] not in get_args(Kind):
            raise ValueError(f"format {content['format']}, kind {content['kind']}")
        definition = content["definition"]
        if content["kind"] in BY_LIBRARY:
            definition = json.dumps(definition, ensure_ascii=False)
        loaded = Tokenizer(
            content["kind"],
            int(content["vocabulary"]),
            definition,
            int(content["end_of_text"]),
        )
        size = loaded._size()
        if size != loaded.vocabulary:
            raise ValueError(f"{size} tokens, and a vocabulary of {loaded.vocabulary}")
    except OSError as error:
        raise UserError(f"{path}: the tokenizer cannot be read ({error.strerror}).") from error
    except Exception as error:
        # The tokenizers library raises plain Exception for a definition it cannot read.
        raise UserError(
            f"{path}: is not a tokenizer of format {FORMAT} ({error}). Delete its artifact and "
            "run again."
        ) from error
    return loaded


def _points(text: str) -> Ids:
    """Code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint32)
