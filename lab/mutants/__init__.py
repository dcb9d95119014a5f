"""Do the nets hold? Each mutant breaks the sources in one place; some test must notice."""
