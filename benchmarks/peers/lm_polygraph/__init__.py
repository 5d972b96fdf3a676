"""LM-Polygraph's white-box estimators, run as peers of the gates in an environment of their own."""
