"""Tokens drawn from a model: shared prefixes, batches of rows, grammars, log-probabilities."""
