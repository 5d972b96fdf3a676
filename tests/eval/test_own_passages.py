from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from stand_ins import question

from rag_router.eval.own_passages import with_passages
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.types import Passage

EMBEDDER = HashingEmbedder()


@dataclass(frozen=True)
class Shelf:
    """An index that holds passages by their rows."""

    held: tuple[Passage, ...]

    def __len__(self):
        return len(self.held)

    def passages(self, rows):
        return [self.held[row] for row in rows]

    def vectors_of(self, rows):
        """Other ones than the embedder would make: who asks can tell whose they are."""
        return np.stack([np.full(EMBEDDER.dimension, float(row)) for row in rows])


SHELF = Shelf(
    (
        Passage(id="d#0", document_id="d", title="Oslo", text="Oslo is cold."),
        Passage(id="d#1", document_id="d", title="Oslo", text="It lies in the north."),
        Passage(id="e#0", document_id="e", title="Rome", text="Rome is old."),
    )
)


def asked(*contexts):
    return question("is Oslo cold", "1", answers=("yes",), contexts=contexts)


def test_they_come_in_their_order_with_their_cosines():
    one = asked(
        Passage(id="a", title="", text="Oslo is cold."),
        Passage(id="b", title="", text="   "),
        Passage(id="c", title="", text="Bees hum."),
    )
    ((_, hits),) = with_passages([one], EMBEDDER)
    assert [(h.passage.id, h.rank, h.retriever, h.score) for h in hits] == [
        ("a", 1, "given", 1.0),
        ("c", 2, "given", 0.5),
    ]
    near = EMBEDDER.encode_passages(["Oslo is cold."])[0] @ EMBEDDER.encode_queries([one.text])[0]
    assert hits[0].similarity == pytest.approx(float(np.float64(near)))


def test_those_without_a_text_are_looked_up_and_put_together_again():
    one = asked(*(Passage(id=id_, title="", text="") for id_ in ("d", "e#0", "nowhere")))
    ((_, hits),) = with_passages([one], None, (SHELF,))
    assert [(h.passage.id, h.passage.title, h.passage.text, h.similarity) for h in hits] == [
        ("d", "Oslo", "Oslo is cold. It lies in the north.", None),
        ("e#0", "Rome", "Rome is old.", None),
    ]


def test_no_more_than_the_first_are_taken():
    one = asked(*(Passage(id=str(n), title="", text=f"text {n}") for n in range(5)))
    ((_, hits),) = with_passages([one], EMBEDDER, top=2)
    assert [h.passage.id for h in hits] == ["0", "1"]


def test_what_an_index_holds_to_the_letter_is_not_embedded_again():
    changed = Passage(id="e#0", title="Rome", text="Rome is older.")
    one = asked(*(Passage(id=id_, title="", text="") for id_ in ("d", "e#0")), changed)
    ((_, hits),) = with_passages([one], EMBEDDER, (SHELF,))
    query = EMBEDDER.encode_queries([one.text])[0]
    cut_up, stored, anew = (hit.similarity for hit in hits)
    # Its vector is twos in every place: it stands in row 2.
    assert stored == pytest.approx(2 * float(query.sum()))
    texts = ["Oslo\nOslo is cold. It lies in the north.", "Rome\nRome is older."]
    made = EMBEDDER.encode_passages(texts)
    assert [cut_up, anew] == pytest.approx((made @ query).tolist())
