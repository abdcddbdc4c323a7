"""A tokenizer of the study as a plain `tokenizer.json`, which the library `tokenizers` reads.

Its tokens have the same numbers. One difference cannot be written into the file: there, text that
spells the end of text is that token.
"""

from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as LibraryTokenizer

from manymasks.tokens.tokenizer import BY_LIBRARY, END_OF_TEXT, UNKNOWN, Tokenizer

UNKNOWN_CHARACTER = "\ufffd"


def standard_json(tokenizer: Tokenizer) -> str:
    """The content of `tokenizer.json`."""
    if tokenizer.kind in BY_LIBRARY:
        return tokenizer.definition
    if tokenizer.kind == "bytes":
        library = _bytes()
    elif tokenizer.kind == "characters":
        library = _characters(tokenizer.definition)
    else:
        library = _words(tokenizer.definition.split(" "))
    library.add_special_tokens([AddedToken(END_OF_TEXT, normalized=False)])
    return library.to_str()


def end_of_text_name(tokenizer: Tokenizer) -> str:
    """The token that ends a document, as it is spelled in `tokenizer.json`."""
    if tokenizer.kind in BY_LIBRARY:
        return tokenizer.decode([tokenizer.end_of_text])
    return END_OF_TEXT


def _bytes() -> LibraryTokenizer:
    """The byte-level alphabet without merges; byte b is token b + 1."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (byte for byte in range(256) if byte not in printable)
    spelled = {byte: chr(byte) for byte in printable}
    spelled |= {byte: chr(256 + count) for count, byte in enumerate(others)}
    vocabulary = {END_OF_TEXT: 0, **{name: byte + 1 for byte, name in spelled.items()}}
    library = LibraryTokenizer(models.BPE(vocab=vocabulary, merges=[]))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    library.decoder = decoders.ByteLevel()
    return library


def _characters(characters: str) -> LibraryTokenizer:
    names = [END_OF_TEXT, UNKNOWN_CHARACTER, *characters]
    vocabulary = {name: number for number, name in enumerate(names)}
    # A replacement character of the text is a character like any other.
    vocabulary[UNKNOWN_CHARACTER] = vocabulary.get(UNKNOWN_CHARACTER, UNKNOWN)
    library = LibraryTokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN_CHARACTER))
    library.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    library.decoder = decoders.Fuse()
    return library


def _words(words: list[str]) -> LibraryTokenizer:
    """Words that spaces separate. The name of the end of text stands in for an unknown word, which
    the model cannot read."""
    vocabulary = {word: number for number, word in enumerate([END_OF_TEXT, *words[1:]])}
    library = LibraryTokenizer(models.WordLevel(vocabulary, unk_token=END_OF_TEXT))
    library.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return library
