"""The models of members, trained here or pretrained, by what they have in common.

That is what analyses of predictions read: `members`, `context`, `W_E`, `W_U`, `blocks`, a call that
returns logits, `scores` and `streams`.
"""

from manymasks.models.pretrained_stack import PretrainedStack
from manymasks.models.transformer import Transformer

MemberModel = Transformer | PretrainedStack
