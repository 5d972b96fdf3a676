from __future__ import annotations

from rag_router.assembly import REGISTRIES
from rag_router.cli.components import described


def test_every_component_of_every_kind_is_described(run):
    document = run("components", "--json").json
    assert document == described()
    assert {kind: list(members) for kind, members in document.items()} == (
        {kind: registry.names() for kind, registry in REGISTRIES.items()}
    )
    for members in document.values():
        for about in members.values():
            assert set(about) == {"summary", "source", "cost"}
            assert about["summary"]
            assert about["cost"]


def test_sources_and_costs_are_read_off_the_code():
    found = described()
    assert found["gate"]["confidence"]["source"] == "arXiv 2410.01782"
    assert found["gate"]["confidence"]["cost"] == "reads closed_book_answer"
    assert found["gate"]["always"]["cost"] == "nothing"
    assert found["decoder"]["adaptive_contrast"]["source"] == "arXiv 2408.01084"
    assert found["decoder"]["adaptive_contrast"]["cost"] == "2 stream(s)"
    assert found["decoder"]["plain"]["cost"] == "1 stream(s)"
    # Fused asks sparse and dense, each once.
    assert found["retriever"]["fused"]["cost"] == "2 search(es) per index"
    assert found["retriever"]["fused"]["source"] == "doi 10.1145/1571941.1572114"


def test_people_read_a_table(run):
    shown = run("components").out
    for kind, members in described().items():
        assert kind in shown
        assert all(name[:8] in shown for name in members)


def test_gates_are_listed_for_machines_and_for_people(run):
    listed = run("gate", "list", "--json").json
    about = described()["gate"]
    assert {name: {k: row[k] for k in about[name]} for name, row in listed.items()} == about
    assert "gemma-3-270m" in listed["profile"]["fitted_for"]
    assert (listed["always"]["fitted_for"], listed["always"]["learns_from"]) == ([], None)
    proxy = listed["slim_proxy"]
    assert proxy["needs"] == ["proxy_pass", "proxy_answer", "question_embedding"]
    assert (proxy["dear"], proxy["partners"]) == (proxy["needs"][:2], ["embedder", "proxy"])
    assert listed["p_ik"]["abilities"] == ["hidden_states", "logits"]
    taught = {row["learns_from"] for row in listed.values()}
    assert taught == {None, "answers", "marks"}
    assert listed["self_judgement_before"]["also"] == ["self_judgement"]
    lines = run("gate", "list").out.splitlines()
    # What else is said of a gate stands below it, indented.
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names == REGISTRIES["gate"].names()
    after = lines[lines.index(next(line for line in lines if line.startswith("slim_proxy"))) :]
    assert [line.split() for line in after[2:4]] == [
        *(["needs", "an", "embedder,", "a", "small", "proxy", "model"],),
        *(["costs", "extra", "proxy_pass,", "proxy_answer"],),
    ]
