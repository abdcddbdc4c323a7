"""The one error whose message is for the user."""


class UserError(Exception):
    """A mistake or a circumstance that a person can fix. The message says which file and setting
    (or which artifact), what was found, what was expected and what to do. It is printed without a
    traceback."""
