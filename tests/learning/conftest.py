"""Lets the tests of this folder import the planted states that the gates' tests use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "gates"))
