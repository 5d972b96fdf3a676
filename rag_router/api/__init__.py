"""The HTTP service; needs the extra `api`."""
