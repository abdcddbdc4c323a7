"""Detection of errors that mean out of memory, on a CPU and on a GPU."""

# By name, to avoid an import of torch.
NAMES = {"MemoryError", "OutOfMemoryError"}
WORDS = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether the error, or one in its context, means out of memory."""
    while error is not None:
        named = NAMES & {kind.__name__ for kind in type(error).__mro__}
        if named or (isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)):
            return True
        error = error.__context__
    return False
