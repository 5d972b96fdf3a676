"""Filters: which of what was found is worth reading?"""

from rag_router.filters.base import Filter, FilterContext, FittedFilter
from rag_router.filters.chain import run_filters
from rag_router.filters.citations import cite
from rag_router.registry import Registry

__all__ = ["FILTERS", "Filter", "FilterContext", "FittedFilter", "cite", "run_filters"]

FILTERS: Registry[Filter] = Registry(
    "filter",
    {
        "budget": "rag_router.filters.budget:BudgetFilter",
        "cross_encoder": "rag_router.filters.cross_encoder:CrossEncoderFilter",
        "cross_encoder_sentences": "rag_router.filters.cross_encoder:CrossEncoderSentencesFilter",
        "entailment": "rag_router.filters.entailment:EntailmentFilter",
        "entailment_three_way": "rag_router.filters.entailment:EntailmentThreeWayFilter",
        "filco": "rag_router.filters.filco:FilcoFilter",
        "filco_lexical": "rag_router.filters.filco:FilcoLexicalFilter",
        "instructions": "rag_router.filters.instructions:InstructionsFilter",
        "irrelevance_prompt": "rag_router.filters.irrelevance_prompt:IrrelevancePromptFilter",
        "knowledge_rise": "rag_router.filters.knowledge_rise:KnowledgeRiseFilter",
        "learned": "rag_router.filters.learned:LearnedFilter",
        "notes": "rag_router.filters.notes:NotesFilter",
        "organise": "rag_router.filters.organise:OrganiseFilter",
        "redundancy": "rag_router.filters.redundancy:RedundancyFilter",
        "representation": "rag_router.filters.representation:RepresentationFilter",
        "representation_contrastive": (
            "rag_router.filters.representation_contrastive:RepresentationContrastiveFilter"
        ),
        "self_information": "rag_router.filters.self_information:SelfInformationFilter",
        "sufficiency": "rag_router.filters.sufficiency:SufficiencyFilter",
        "threshold": "rag_router.filters.threshold:ThresholdFilter",
        "voting": "rag_router.filters.voting:VotingFilter",
    },
)
