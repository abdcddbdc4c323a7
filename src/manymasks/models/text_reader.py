"""Members that read texts token by token, by whatever their mixer keeps of a text."""

from manymasks.models.kv_cache import CachedTransformer
from manymasks.models.recurrent_text import RecurrentText
from manymasks.models.transformer import Transformer

TextReader = CachedTransformer | RecurrentText


def text_reader(model: Transformer, texts: int, longest: int) -> TextReader:
    """A stack of one member that reads a batch of texts of one length, of at most `longest` tokens
    each."""
    if model.size.mixer == "recurrent":
        return RecurrentText(model, texts)
    return CachedTransformer(model, texts, longest)
