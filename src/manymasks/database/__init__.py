"""Everything in one DuckDB file."""
