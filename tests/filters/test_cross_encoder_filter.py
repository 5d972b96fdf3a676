from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from stand_ins import WORDS, judged
from test_cross_encoder import saved

from rag_router.errors import ModelError
from rag_router.filters.cross_encoder import CrossEncoderFilter, CrossEncoderSentencesFilter
from rag_router.filters.equipment import equipped, lacking
from rag_router.models.cross_encoder import Relevance


@dataclass(frozen=True)
class Shared:
    """The log-odds of relevance are the number of words shared with the question, less one."""

    name: str = "shared"

    def judge(self, pairs):
        return [
            Relevance(len({*q.split()} & {*p.lower().replace(".", "").split()}) - 1.0, 1, 1)
            for q, p in pairs
        ]


def run(filter_, question, *texts):
    return filter_.judge([question], [judged(*texts)], WORDS)[0]


def test_a_passage_is_judged_by_its_relevance():
    filter_ = CrossEncoderFilter(encoder=Shared(), curve=(2.0, 0.0), min_support=0.5)
    two, none = run(filter_, "rome tiber", "rome on the tiber", "oslo")
    assert two.support == pytest.approx(1 / (1 + math.exp(-2 * (2 - 1))))
    assert none.support == pytest.approx(1 / (1 + math.exp(-2 * (0 - 1))))
    assert (two.kept, none.kept) == (True, False)
    assert none.why == "relevance -1.00; support 0.12 is below 0.50"


def test_sentences_below_the_threshold_go_and_the_others_keep_their_order():
    text = "Rome is old. Oslo is cold. Rome lies on the tiber."
    filter_ = CrossEncoderSentencesFilter(encoder=Shared(), threshold=0.5)  # log-odds of 0
    one = run(filter_, "rome tiber", text)[0]
    # They share 1, 0 and 2 words: log-odds 0, -1 and 1; the passage has the highest.
    assert one.hit.passage.text == "Rome is old. Rome lies on the tiber."
    assert one.spans == ((0, 12), (27, 50))
    assert one.support == pytest.approx(1 / (1 + math.exp(-1)))
    assert one.why.endswith("; 2 of 3 sentences reach 0.00")


def test_a_passage_without_a_relevant_sentence_is_dropped():
    filter_ = CrossEncoderSentencesFilter(encoder=Shared(), threshold=0.5)
    one = run(filter_, "rome", "Oslo is cold. It snows.")[0]
    assert (one.kept, one.hit.passage.text) == (False, "Oslo is cold. It snows.")
    assert one.why.endswith("; 0 of 2 sentences reach 0.00")


def test_a_lower_threshold_keeps_no_less():
    text = "Rome is old. Oslo is cold. Rome lies on the tiber."
    kept = [
        run(CrossEncoderSentencesFilter(encoder=Shared(), threshold=t), "rome tiber", text)[0]
        for t in (0.0, 0.3, 0.6, 0.9)
    ]
    lengths = [len(one.hit.passage.text) if one.kept else 0 for one in kept]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == len(text)


@pytest.mark.parametrize("kind", [CrossEncoderFilter, CrossEncoderSentencesFilter])
def test_without_its_model_it_keeps_everything_and_says_so(kind):
    filter_ = kind(min_support=1.0)
    one = run(filter_, "rome", "oslo. bergen.")[0]
    assert (one.kept, one.support) == (True, None)
    assert one.why == "kept: its cross-encoder is not there"
    assert lacking(filter_) == (
        "passages are not judged, the cross-encoder is not there "
        "(rag-router models fetch hf:cross-encoder/ms-marco-MiniLM-L6-v2)",
    )
    assert equipped(filter_, lambda name: None) == filter_


@pytest.mark.parametrize("kind", [CrossEncoderFilter, CrossEncoderSentencesFilter])
def test_a_real_cross_encoder_judges_alone_and_in_company_alike(kind, tmp_path):
    local = saved(tmp_path)
    filter_ = equipped(kind(model=f"path:{tmp_path}"), lambda name: local)
    assert lacking(filter_) == ()
    assert filter_.model_fingerprint == local.fingerprint
    assert equipped(filter_, lambda name: None) is filter_
    assert isinstance(filter_.encoder._model.activation_fn, torch.nn.Sigmoid)
    texts = ["the river. rome.", "paris on the tiber", "東京は首都。" * 4, "7 8 9", ""]
    lines = [judged(*texts), judged(texts[0]), []]
    questions = ["rome on the tiber", "rome", "paris"]
    together = filter_.judge(questions, lines, WORDS)
    for question, line, out in zip(questions, lines, together, strict=True):
        assert filter_.judge([question], [line], WORDS) == [out]
    raw = filter_.raw(questions, lines, WORDS)
    # The model ends in a sigmoid, and the support without a curve is that of its log-odds.
    scores = filter_.encoder.judge([("rome on the tiber", texts[1])])
    assert 1 / (1 + math.exp(-raw[0][1])) == pytest.approx(scores[0].score)
    assert together[0][1].support == pytest.approx(scores[0].score)


def test_a_model_of_another_kind_is_refused(tmp_path):
    other = replace(saved(tmp_path), kind="embedder")
    with pytest.raises(ModelError, match="not a cross-encoder"):
        equipped(CrossEncoderFilter(), lambda name: other)
