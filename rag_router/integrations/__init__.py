"""This package as others know it: LangChain."""
