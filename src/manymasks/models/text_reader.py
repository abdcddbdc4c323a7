"""Members that read texts token by token, by whatever their mixer keeps of a text."""

from manymasks.models.kv_cache import CachedTransformer
from manymasks.models.member_model import MemberModel
from manymasks.models.pretrained_stack import PretrainedStack, PretrainedText
from manymasks.models.recurrent_text import RecurrentText

TextReader = CachedTransformer | RecurrentText | PretrainedText


def text_reader(model: MemberModel, texts: int, longest: int) -> TextReader:
    """A stack of one member that reads a batch of texts of one length, of at most `longest` tokens
    each."""
    if isinstance(model, PretrainedStack):
        return PretrainedText(model)
    if model.size.mixer == "recurrent":
        return RecurrentText(model, texts)
    return CachedTransformer(model, texts, longest)
