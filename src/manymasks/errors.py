"""The one error that people are meant to see."""


class UserError(Exception):
    """A mistake or a circumstance a person can mend.

    The message says which file and setting (or which artifact), what was found, what was
    expected and what to do. It is printed as it is, without a traceback.
    """
