"""`eval answers --expert`, and what `doctor --costs` makes of it for each expert."""

from __future__ import annotations

import pytest
from little_house import write_jsonl
from test_expert_list_command import adapter  # noqa: F401  # a fixture

from rag_router.models.scripted_endpoint import ScriptedEndpoint, says

# The endpoint says "gold" to everything, and right it is on every second question.
ROWS = [
    {"id": f"q{n}", "question": f"What is {n}?", "answers": ["gold" if n % 2 else "silver"]}
    for n in range(4)
]


@pytest.fixture
def endpoint():
    with ScriptedEndpoint([says(lambda _: "gold")]) as endpoint:
        yield endpoint


@pytest.fixture
def config(tmp_path, tiny, adapter, embedder, endpoint):  # noqa: F811
    path = tmp_path / "experts.toml"
    path.write_text(
        f'[embedder]\nmodel = "{embedder}"\n[gate]\nname = "confidence"\n'
        "[generator]\nmax_new_tokens = 2\n"
        f'[[experts]]\nname = "plain"\nmodel = "{tiny}"\n'
        f'[[experts]]\nname = "law"\nmodel = "{tiny}"\nadapter = "{adapter}"\n'
        f'[[experts]]\nname = "cloud"\nmodel = "large"\nurl = "{endpoint.url}"\n'
        "price_completion = 2.0\n"
    )
    return path


@pytest.fixture
def data(tmp_path):
    return write_jsonl(tmp_path / "asked.jsonl", ROWS)


def test_every_expert_is_evaluated_by_itself_and_reckoned_with(run, config, data, endpoint):
    asked = ("eval", "answers", "--data", data, "--config", config, "--json", "--expert")
    for name in ("law", "cloud"):
        done = run(*asked, name)
        assert (done.code, done.json["n"]) == (0, 4), done.err
    # The endpoint's gate is the one that goes by words, and it is right on two of four.
    assert done.json["gate"] == "self_judgement_before"
    assert done.json["policies"]["never"]["accuracy"] == 0.5
    spoken = len(endpoint.heard)
    assert run(*asked, "cloud").json["policies"] == done.json["policies"]
    # What is kept is not asked again.
    assert len(endpoint.heard) == spoken

    told = run(
        "doctor", "--costs", "--config", config, "--mix", "known=0.25,unknown=0.75", "--json"
    )
    assert told.code == 0, told.err
    experts = told.json["experts"]
    assert experts["cloud"]["evaluation"]["n"] == 4
    # A quarter of the questions are such as it answers right by itself.
    assert experts["cloud"]["policies"]["never"]["accuracy"] == 0.25
    assert experts["cloud"]["policies"]["never"]["price"] > 0
    # The adapted model talks nonsense: nothing is known of what it would know.
    assert "accuracy" not in experts["law"]["policies"]["never"]
    assert "no known questions were among those of" in str(experts["law"]["missing"])
    assert "accuracy" not in experts["plain"]["policies"]["never"]
    (lacking,) = [one for one in experts["plain"]["missing"] if "accuracy" in one]
    assert lacking.endswith("run `rag-router eval answers --data FILE --expert plain`")


def test_an_evaluation_of_other_weights_is_not_reckoned_with(run, config, data, tiny):
    assert run("eval", "answers", "--data", data, "--config", config, "--expert", "law").code == 0
    text = config.read_text()
    config.write_text(text.replace('name = "law"', 'name = "old"').replace("plain", "law"))
    told = run("doctor", "--costs", "--config", config, "--json")
    (lacking,) = [o for o in told.json["experts"]["law"]["missing"] if "accuracy" in o]
    assert "is of other weights" in lacking


def test_an_expert_is_one_of_the_settings(run, config, data, tiny):
    asked = ("eval", "answers", "--data", data)
    said = run(*asked, "--config", config, "--expert", "lav").refused(2)
    assert "no expert named 'lav'" in said
    assert "Did you mean 'law'?" in said
    assert "Name experts in the settings" in run(*asked, "--expert", "law").refused(2)
    both = run(*asked, "--config", config, "--expert", "law", "--model", tiny)
    assert "--model and --expert" in both.refused(2)
