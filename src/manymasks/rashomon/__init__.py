"""Which models fit equally well."""
