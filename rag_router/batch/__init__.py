"""Many questions at once: jobs that can be stopped, killed and moved, and lose nothing.

A job reads questions, answers them window by window, keeps every window in a journal, and writes
the output of the journal. Who answers is an engine: this process, or many through Ray.
"""

from rag_router.batch.batch import Batch
from rag_router.batch.inputs import Selection, items_of_documents, read_items
from rag_router.batch.job import Job, Prepared
from rag_router.batch.local import Engine, LocalEngine, Sizes
from rag_router.batch.progress import Progress
from rag_router.batch.writing import Output

__all__ = [
    "Batch",
    "Engine",
    "Job",
    "LocalEngine",
    "Output",
    "Prepared",
    "Progress",
    "Selection",
    "Sizes",
    "items_of_documents",
    "read_items",
]
