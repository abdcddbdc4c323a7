"""The figures of the page: every module has `PARTS`, its figures and tables by section."""
