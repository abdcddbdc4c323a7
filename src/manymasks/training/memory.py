"""How an error says that there was no memory left, on a CPU and on a GPU."""

# Known by their names, so that nobody has to import torch to know them.
NAMES = {"MemoryError", "OutOfMemoryError"}
WORDS = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory was short, be it in what the error was raised after."""
    while error is not None:
        named = NAMES & {kind.__name__ for kind in type(error).__mro__}
        if named or (isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)):
            return True
        error = error.__context__
    return False
