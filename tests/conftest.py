"""Lets every test import the stand-ins, and makes property tests the same on every machine."""

import sys
from pathlib import Path

from hypothesis import settings

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE / "models")]

# No deadline: how long an example takes is the machine's business, not the property's.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("house")
