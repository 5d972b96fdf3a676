"""Question sets and retrieval sets in the layouts that people publish them in."""

from rag_router.eval.readers.beir import read_corpus
from rag_router.eval.readers.columns import Columns
from rag_router.eval.readers.formats import FORMATS, find_format, read_file
from rag_router.eval.readers.huggingface import read_huggingface
from rag_router.eval.readers.kilt_predictions import (
    KiltPage,
    KiltPrediction,
    kilt_prediction,
    read_kilt_predictions,
    write_kilt,
)
from rag_router.eval.readers.qrels import read_qrels
from rag_router.eval.readers.retrieval import (
    RetrievalSet,
    read_retrieval_files,
    read_retrieval_set,
)
from rag_router.eval.readers.snapshots import Snapshot, snapshot
from rag_router.eval.readers.sources import read_source
from rag_router.eval.readers.trec_runs import check_run, read_run, write_run

__all__ = [
    "FORMATS",
    "Columns",
    "KiltPage",
    "KiltPrediction",
    "RetrievalSet",
    "Snapshot",
    "check_run",
    "find_format",
    "kilt_prediction",
    "read_corpus",
    "read_file",
    "read_huggingface",
    "read_kilt_predictions",
    "read_qrels",
    "read_retrieval_files",
    "read_retrieval_set",
    "read_run",
    "read_source",
    "snapshot",
    "write_kilt",
    "write_run",
]
