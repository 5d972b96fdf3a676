"""What memory's answer and the passages' answer to one question are worth."""

from rag_router.outlook.head import Outlook, OutlookHead, Taught
from rag_router.outlook.observation import Observation, Said

__all__ = ["Observation", "Outlook", "OutlookHead", "Said", "Taught"]
