"""Question answering that knows when its language model knows."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("rag-router")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
