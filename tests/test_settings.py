from __future__ import annotations

from pathlib import Path

import pytest

from rag_router.errors import SettingsError
from rag_router.settings import Component, Settings, default_home, load_settings


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "a.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problem(path, environment=None):
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environment or {})
    return str(caught.value)


def test_without_file_and_environment_the_defaults_hold():
    settings = load_settings(environment={})
    assert settings.gate == Component(name="p_ik")
    assert [f.name for f in settings.filters] == [
        "instructions",
        "learned",
        "redundancy",
        "budget",
    ]
    assert settings.generator.max_new_tokens == 24


def test_a_file_overrules_the_defaults_and_the_rest_stays(toml):
    settings = load_settings(
        toml('[gate]\nname = "confidence"\nthreshold = 0.4\n[generator]\nbatch_size = 2\n'), {}
    )
    assert (settings.gate.name, settings.gate.options) == ("confidence", {"threshold": 0.4})
    assert (settings.generator.batch_size, settings.generator.max_new_tokens) == (2, 24)


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Settings().seed = 1


def test_a_misspelt_section_is_named_with_its_line_and_the_nearest_one(toml):
    said = problem(toml('seed = 1\n\n[generater]\nmodel = "x"\n'))
    assert "a.toml:3: no setting is called 'generater'" in said
    assert "Did you mean 'generator'?" in said


def test_a_misspelt_key_of_a_table_is_named_with_its_line_and_the_nearest_one(toml):
    said = problem(toml('# mine\n[generator]\nmodel = "x"\nbatch_sise = 3\n'))
    assert "a.toml:4: no setting is called 'generator.batch_sise'" in said
    assert "Did you mean 'batch_size'?" in said


def test_a_misspelt_key_of_an_inline_table_is_named_with_its_line(toml):
    said = problem(toml("seed = 0\nserve = { hots = '::1' }\n"))
    assert "a.toml:2: no setting is called 'serve.hots'" in said
    assert "Did you mean 'host'?" in said


def test_a_misspelt_dotted_key_is_named_with_its_line(toml):
    said = problem(toml("limits.question_characters = 5\nlimits.questions = 5\n"))
    assert "a.toml:2: no setting is called 'limits.questions'" in said


def test_a_value_over_several_lines_counts_from_its_first_line(toml):
    said = problem(toml('seed = 0\n\nindexs = [\n  "a",\n  "b",\n]\n'))
    assert "a.toml:3: no setting is called 'indexs'" in said
    assert "Did you mean 'indexes'?" in said


def test_a_wrong_entry_of_an_array_of_tables_is_named_with_its_line(toml):
    said = problem(toml('[[filters]]\nname = "budget"\n\n[[filters]]\nname = 3\n'))
    assert "a.toml:5: filters.1.name: " in said
    assert "saw 3" in said


def test_an_entry_without_a_name_points_to_where_the_entry_stands(toml):
    said = problem(toml('[[filters]]\nname = "budget"\n\n[[filters]]\ntokens = 3\n\n[serve]\n'))
    assert "a.toml:4: filters.1.name: Field required" in said


def test_a_component_without_a_name_points_to_where_it_stands(toml):
    said = problem(toml("seed = 1\n[gate]\nthreshold = 0.5\n\n[serve]\nport = 1\n"))
    assert "a.toml:2: gate.name: Field required" in said


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[serve]\nport = 70000\n", 2, "serve.port"),
        ("[generator]\ndevice = 'tpu'\n", 2, "generator.device"),
        ("[generator]\n\n\nmax_new_tokens = 0\n", 4, "generator.max_new_tokens"),
        ("[policy]\nmin_support = 1.5\n", 2, "policy.min_support"),
        ("seed = 'many'\n", 1, "seed"),
        ("gate = 'always'\n", 1, "gate"),
    ],
)
def test_an_impossible_value_is_named_with_its_line(toml, text, line, key):
    assert f"a.toml:{line}: {key}: " in problem(toml(text))


def test_invalid_toml_is_named_with_its_file(toml):
    said = problem(toml("seed = \n"))
    assert "a.toml is not valid TOML" in said
    assert "line 1" in said


def test_a_file_that_cannot_be_read_is_an_error_of_settings(tmp_path):
    assert "cannot be read" in problem(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff\n")
    assert "cannot be read" in problem(tmp_path / "latin.toml")


def test_the_environment_overrules_the_file(toml):
    path = toml('[gate]\nname = "never"\n[serve]\nport = 1\nhost = "::1"\n')
    settings = load_settings(
        path, {"RAG_ROUTER_GATE__NAME": "always", "RAG_ROUTER_SERVE__PORT": "2"}
    )
    assert (settings.gate.name, settings.serve.port, settings.serve.host) == ("always", 2, "::1")


def test_variables_are_toml_where_they_are_toml_and_text_where_not():
    settings = load_settings(
        environment={
            "RAG_ROUTER_INDEXES": '["wiki", "docs"]',
            "RAG_ROUTER_POLICY__ABSTAIN": "false",
            "RAG_ROUTER_POLICY__MESSAGE": "No idea, sorry",
            "RAG_ROUTER_GATE": '{name = "always", prior = 0.25}',
            "PATH": "/bin",
        }
    )
    assert settings.indexes == ("wiki", "docs")
    assert settings.policy.abstain is False
    assert settings.policy.message == "No idea, sorry"
    assert (settings.gate.name, settings.gate.options) == ("always", {"prior": 0.25})


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("RAG_ROUTER_SEDE", "1", "RAG_ROUTER_SEDE: no setting is called 'sede'"),
        (
            "RAG_ROUTER_SERVE__PROT",
            "1",
            "RAG_ROUTER_SERVE__PROT: no setting is called 'serve.prot'",
        ),
        ("RAG_ROUTER_SERVE__PORT", "x", "RAG_ROUTER_SERVE__PORT: serve.port: "),
        ("RAG_ROUTER_SERVE", "{prot = 1}", "RAG_ROUTER_SERVE: no setting is called 'serve.prot'"),
        ("RAG_ROUTER_FILTERS", "[{tokens = 1}]", "RAG_ROUTER_FILTERS: filters.0.name: "),
        ("RAG_ROUTER_GATE__THRESHOLD", "0.4", "RAG_ROUTER_GATE__THRESHOLD: gate.name: "),
    ],
)
def test_what_a_variable_gets_wrong_is_said_of_the_variable(variable, value, said):
    assert said in problem(None, {variable: value})


def test_what_the_file_gets_wrong_is_not_said_of_a_variable_beside_it(toml):
    said = problem(toml("[serve]\nprot = 1\n"), {"RAG_ROUTER_SERVE__PORT": "1"})
    assert "a.toml:2: no setting is called 'serve.prot'" in said


def test_a_variable_cannot_have_parts_where_the_file_has_a_value(toml):
    said = problem(toml("seed = 1\n"), {"RAG_ROUTER_SEED__X": "1"})
    assert "RAG_ROUTER_SEED__X: 'seed' has no parts" in said


def test_variables_of_folders_are_no_settings(monkeypatch, tmp_path):
    environment = {
        "RAG_ROUTER_HOME": str(tmp_path),
        "RAG_ROUTER_MODELS": "x",
        "RAG_ROUTER_WHEELS": "y",
    }
    load_settings(environment=environment)
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path))
    assert default_home() == load_settings(environment={}).home == tmp_path
    monkeypatch.setenv("RAG_ROUTER_HOME", " ")
    assert default_home().name == "rag-router"


def test_trust_is_a_share_for_each_name_and_nothing_else(toml):
    settings = load_settings(
        toml("[trust]\nwiki = 0.5\ngiven = 0\n"), {"RAG_ROUTER_TRUST__WEB": "1"}
    )
    assert settings.trust == {"wiki": 0.5, "given": 0.0, "web": 1.0}
    assert "a.toml:3: trust.web: " in problem(toml("[trust]\nwiki = 1\nweb = -0.1\n"))


def test_without_a_word_there_is_no_deadline_and_nothing_is_distrusted():
    settings = load_settings(environment={})
    assert (settings.limits.answer_seconds, settings.trust) == (None, {})


# --- experts ----------------------------------------------------------------------------------


def test_without_experts_the_generator_stands_alone():
    settings = load_settings(environment={})
    assert (settings.experts, settings.pool.memory_mb) == ((), None)
    assert settings.expert_router == Component(name="self_knowledge")


def test_experts_are_an_array_of_tables(toml):
    settings = load_settings(
        toml(
            '[[experts]]\nname = "small"\nmodel = "smollm2-135m-instruct"\n'
            '[[experts]]\nname = "law"\nmodel = "smollm2-135m-instruct"\nadapter = "law-lora"\n'
            'tenants = ["court"]\ngate = {name = "p_ik", artefact = "law-gate"}\n'
            '[expert_router]\nname = "neighbours"\nk = 9\n[pool]\nmemory_mb = 600\n'
        ),
        {},
    )
    small, law = settings.experts
    assert (small.name, small.adapter, small.tenants, small.gate) == ("small", None, None, None)
    assert (law.adapter, law.tenants) == (Path("law-lora"), ("court",))
    assert law.gate == Component(name="p_ik", artefact="law-gate")
    assert settings.expert_router.options == {"k": 9}
    assert settings.pool.memory_mb == 600


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ('name = "b"\nmodle = "x"\nmodel = "y"', "a.toml:6: no setting is called"),
        ('name = "b"\nmodle = "x"\nmodel = "y"', "Did you mean 'model'?"),
        ('name = "a"\nmodel = "y"', "two experts are called 'a'"),
        ('name = "b"', "experts.1.model: Field required"),
        ('name = "b"\nmodel = "y"\nadapter = "d"\nurl = "http://x"', "not over one at a url"),
        ('name = "b"\nmodel = "y"\nprice_prompt = -1', "experts.1.price_prompt"),
    ],
)
def test_what_is_wrong_with_an_expert_is_named_where_it_stands(toml, second, said):
    first = '[[experts]]\nname = "a"\nmodel = "x"\n'
    assert said in problem(toml(f"{first}[[experts]]\n{second}\n"))


def test_a_misspelt_limit_of_one_tenant_is_named_with_the_nearest_one(toml):
    said = problem(toml("[tenants.team.limits]\nrequests_per_minut = 3\n"))
    assert "no setting is called 'tenants.team.limits.requests_per_minut'" in said
    assert "Did you mean 'requests_per_minute'?" in said


def test_limits_of_a_tenant_are_read_by_its_name(toml):
    settings = load_settings(toml("[tenants.team.limits]\nrequests_per_minute = 3\n"), {})
    assert settings.tenants["team"].limits.requests_per_minute == 3
    assert settings.tenants["team"].limits.request_mb is None
