"""What a model is asked about a passage, with worked examples.

Each inquiry is a prompt with a reply in words whose beginning tells the decision, so that the
model's leaning can be read off before it speaks. The examples were written for this project; none
of them comes from a question set. A filter that was fitted under one wording is bound to it by the
inquiry's fingerprint.
"""

from __future__ import annotations

from typing import Final

from rag_router.models.prompts import Inquiry

__all__ = ["ANALYSIS", "FILTRATION", "NOTE", "analysis_case", "passage_case", "sentence_case"]


def passage_case(question: str, title: str, text: str) -> tuple[str, ...]:
    """Describe a case that is a question and a passage."""
    shown = f"{title}: {text}" if title.strip() else text
    return (f"Passage: {shown}", f"Question: {question}")


def analysis_case(question: str, text: str) -> tuple[str, ...]:
    """Describe a case that is a question and a text whose parts are to be looked at."""
    return (f"Question: {question}", f"Text: {text}")


def sentence_case(question: str, analysis: str, sentence: str) -> tuple[str, ...]:
    """Describe a case that is one sentence of a text that has been looked at."""
    return (f"Question: {question}", f"Analysis: {analysis}", f"Sentence: {sentence}")


_BRIDGE: Final = "when was the aurora bridge opened"
_BRIDGE_TEXT: Final = (
    "The Aurora Bridge carries six lanes over Lake Union. It was opened in 1932. "
    "Troll is a sculpture under its north end."
)
_PRIZE: Final = "in which year did Pierre Curie receive the physics prize"
_HONEY: Final = "what animal makes honey"
_LAKE: Final = "On the border of which two countries does Lake Titicaca lie?"

NOTE: Final = Inquiry(
    name="note",
    instruction=(
        "Write a short note on each passage. Begin with Answers if it answers the question, with "
        "Hints if it only helps to answer it, with Irrelevant if it does neither, or with Unknown "
        "if you cannot tell."
    ),
    cue="Note:",
    examples=(
        (
            passage_case(_BRIDGE, "Aurora Bridge", "It was opened in 1932 and has six lanes."),
            "Answers: the bridge was opened in 1932.",
        ),
        (
            passage_case(_HONEY, "Lake Union", "Lake Union lies in Seattle, below a bridge."),
            "Irrelevant: it is about a lake, not about honey.",
        ),
        (
            passage_case(_PRIZE, "Marie Curie", "She shared the 1903 prize with her husband."),
            "Hints: Marie Curie's husband shared the prize of 1903.",
        ),
        (
            passage_case(_LAKE, "Honey", "Honey is made by bees, which collect nectar."),
            "Irrelevant: it is about honey, not about the lake.",
        ),
    ),
    yes=("Answers", "Hints"),
    no=("Irrelevant",),
)
"""One note for each passage, after Chain-of-Note, Yu et al. 2024 (arXiv 2311.09210)."""

ANALYSIS: Final = Inquiry(
    name="analysis",
    instruction="Say of each part of the text whether it helps to answer the question, and why.",
    cue="Analysis:",
    examples=(
        (
            analysis_case(_BRIDGE, _BRIDGE_TEXT),
            "That it was opened in 1932 answers the question. Its lanes and the sculpture are "
            "irrelevant: they say nothing about when it was opened.",
        ),
        (
            analysis_case(_HONEY, "Lake Union lies in Seattle. Boats are built on its shores."),
            "Nothing in it helps: the lake and the boats have nothing to do with honey.",
        ),
    ),
)
"""The first prompt of analysis to filtration, Jiang et al. 2024 (arXiv 2408.10615)."""

FILTRATION: Final = Inquiry(
    name="filtration",
    instruction="Say of each sentence whether it is needed to answer the question.",
    cue="Is the sentence needed? Reply Yes or No:",
    examples=(
        (
            sentence_case(
                _BRIDGE,
                "That it was opened in 1932 answers the question. The sculpture is irrelevant.",
                "It was opened in 1932.",
            ),
            "Yes",
        ),
        (
            sentence_case(
                _BRIDGE,
                "That it was opened in 1932 answers the question. The sculpture is irrelevant.",
                "Troll is a sculpture under its north end.",
            ),
            "No",
        ),
        (
            sentence_case(
                _LAKE,
                "That it borders Bolivia and Peru answers the question. Its fish are irrelevant.",
                "The lake lies between Bolivia and Peru.",
            ),
            "Yes",
        ),
        (
            sentence_case(
                _HONEY,
                "Nothing in it helps: lakes and boats have nothing to do with honey.",
                "Boats are built on its shores.",
            ),
            "No",
        ),
    ),
)
"""The second prompt of analysis to filtration; ours reads it sentence by sentence."""
