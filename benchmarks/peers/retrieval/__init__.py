"""Retrievers of other libraries and ours on the same corpora, queries and qrels."""
