"""From an uploaded file to passages that are found, whatever happens to the process meanwhile."""

from rag_router.api.ingestion.files import Incoming, UploadFolder
from rag_router.api.ingestion.worker import Worker

__all__ = ["Incoming", "UploadFolder", "Worker"]
