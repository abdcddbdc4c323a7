"""Commands of `manymasks` that take more than a few lines, a module each."""
