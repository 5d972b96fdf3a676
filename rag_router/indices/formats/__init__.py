"""Formats that need a library to be read: HTML, PDF, Word, CSV. Each is read in its own process."""
