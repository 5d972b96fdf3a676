from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lines import always
from little_house import SCRIPT, parts, scripted_expert

from rag_router.artefacts import Artefact, Card
from rag_router.assembly import (
    REGISTRIES,
    Parts,
    assemble,
    check,
    check_reliance,
    index_names,
    load_expert,
    load_parts,
    open_indexes,
    require,
)
from rag_router.decoders.abstaining import AbstainingDecoder
from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.decoders.auto import AutoDecoder
from rag_router.decoders.considerations import CASES
from rag_router.decoders.null_prompts import null_entropies
from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import (
    ArtefactError,
    ModelError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from rag_router.experts import Expert
from rag_router.filters.budget import BudgetFilter
from rag_router.filters.redundancy import RedundancyFilter
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates.confidence import ConfidenceGate
from rag_router.indices.library import Library
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Orchestrator
from rag_router.policy import Policy, Sureness
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.fused import FusedRetriever
from rag_router.settings import Component, GeneratorSettings, Settings, load_settings

EXAMPLE = Path(__file__).parents[1] / "examples" / "settings.toml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("assembly")


@pytest.fixture(scope="module")
def some_parts(folder):
    return parts(folder)


@pytest.fixture
def no_models(tmp_path, monkeypatch):
    """Settings of a machine without models and documents."""
    monkeypatch.setenv("RAG_ROUTER_MODELS", str(tmp_path / "models"))
    return Settings(home=tmp_path / "home")


def artefact(folder, method, fingerprint, *, prompt="", threshold=None, slopes=2, **notes):
    card = Card(
        method=method,
        model="theirs",
        model_fingerprint=fingerprint,
        prompt_hash=prompt,
        threshold=threshold,
        notes=notes,
    )
    weights = {"curve": np.array([1.0] * slopes + [0.5])}
    Artefact(card=card, weights=weights).save(folder)
    return str(folder)


# --- one composition, two ways to write it ----------------------------------------------------


def test_a_file_and_constructors_compose_the_same(some_parts, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        '[gate]\nname = "confidence"\nstatistic = "both"\n'
        '[retriever]\nname = "fused"\nk = 8\nsmoothing = 60\n'
        '[[filters]]\nname = "threshold"\n'
        '[[filters]]\nname = "redundancy"\nthreshold = 0.6\n'
        '[[filters]]\nname = "budget"\npassages = 3\ntokens = 600\n'
        '[decoder]\nname = "plain"\n'
        '[policy]\nmin_support = 0.1\nmessage = "I don\'t know."\n'
        "[generator]\nmax_new_tokens = 24\n"
    )
    composed = Orchestrator(
        expert=some_parts.expert,
        gate=ConfidenceGate(statistic="both"),
        gate_name="confidence",
        decoder=PlainDecoder(),
        decoder_name="plain",
        retriever=FusedRetriever(k=8, smoothing=60),
        indices=some_parts.indexes,
        embedder=some_parts.embedder,
        filters=(
            ThresholdFilter(),
            RedundancyFilter(threshold=0.6),
            BudgetFilter(passages=3, tokens=600),
        ),
        policy=Policy(min_support=0.1),
        sureness=Sureness(),
        message="I don't know.",
        max_new_tokens=24,
    )
    assert assemble(load_settings(path, {}), some_parts) == composed


def test_the_example_file_spells_out_the_defaults(some_parts):
    assert assemble(load_settings(EXAMPLE, {}), some_parts) == assemble(Settings(), some_parts)


def test_every_section_of_a_file_reaches_its_component(some_parts, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        '[gate]\nname = "confidence"\nstatistic = "minimum"\nthreshold = 0.3\n'
        '[retriever]\nname = "dense"\nk = 2\n'
        '[[filters]]\nname = "budget"\npassages = 1\n'
        '[decoder]\nname = "adaptive_contrast"\n'
        "[policy]\nmin_support = 0.5\nmin_confidence = 0.4\nagreement_nats = 0.01\n"
        'abstain = false\nmessage = "Ask the office."\n'
        "[generator]\nmax_new_tokens = 5\nbatch_size = 3\n"
        "[limits]\nquestion_characters = 70\nanswer_seconds = 2.5\n"
        "[trust]\nhandbook = 0.5\ngiven = 0.0\n"
    )
    made = assemble(load_settings(path, {}), some_parts)
    assert made.gate == ConfidenceGate(statistic="minimum", threshold=0.3)
    assert made.retriever == DenseRetriever(k=2)
    assert made.filters == (BudgetFilter(passages=1),)
    assert made.decoder == AdaptiveContrastDecoder()
    assert made.policy == Policy(
        min_support=0.5, min_confidence=0.4, agreement_nats=0.01, abstain=False
    )
    assert (made.message, made.max_new_tokens) == ("Ask the office.", 5)
    assert (made.batch_size, made.question_characters) == (3, 70)
    assert (made.answer_seconds, made.trust) == (2.5, {"handbook": 0.5, "given": 0.0})


def test_what_was_assembled_answers(some_parts):
    made = assemble(Settings(), some_parts)
    known, looked_up = made.answer(
        ["What is the capital of France?", "How often is the Larkspur valve calibrated?"]
    )
    assert (known.text, known.reason) == ("Paris", "parametric")
    assert (looked_up.text, looked_up.reason) == ("90 days", "contextual")
    unfitted = {note.stage for note in looked_up.degraded}
    assert unfitted == {"gate", "filter", "decode"}


# --- what is wrong with settings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"gate": Component(name="confidense")}, UnknownNameError, "Did you mean 'confidence'"),
        ({"decoder": Component(name="plian")}, UnknownNameError, "Did you mean 'plain'"),
        ({"retriever": Component(name="fusd")}, UnknownNameError, "Did you mean 'fused'"),
        ({"filters": (Component(name="budgt"),)}, UnknownNameError, "Did you mean 'budget'"),
        (
            {"gate": Component(name="confidence", treshold=0.4)},
            SettingsError,
            "Did you mean 'threshold'",
        ),
        ({"retriever": Component(name="fused", smothing=1)}, SettingsError, "'smoothing'"),
        ({"filters": (Component(name="budget", token=1),)}, SettingsError, "'tokens'"),
        ({"decoder": Component(name="plain", alpha=1)}, SettingsError, "decoder 'plain': alpha"),
        ({"gate": Component(name="confidence", threshold=2)}, SettingsError, "saw 2"),
        ({"gate": Component(name="never", artefact="a")}, SettingsError, "'never': artefact"),
    ],
)
def test_wrong_names_and_options_are_found_before_anything_is_loaded(
    some_parts, changes, error, said
):
    settings = Settings(**changes)
    for find in (lambda: check(settings), lambda: assemble(settings, some_parts)):
        with pytest.raises(error) as caught:
            find()
        assert said in str(caught.value)


def test_good_settings_pass_the_check_for_every_component_there_is():
    check(Settings())
    for gate in REGISTRIES["gate"]:
        for decoder in REGISTRIES["decoder"]:
            check(Settings(gate=Component(name=gate), decoder=Component(name=decoder)))
    for retriever in REGISTRIES["retriever"]:
        check(Settings(retriever=Component(name=retriever)))
    check(Settings(filters=tuple(Component(name=name) for name in REGISTRIES["filter"])))


# --- what decoders ask of a model --------------------------------------------------------------


class Reticent(ScriptedModel):
    """Shows what comes next, of one prompt at a time."""

    abilities = frozenset({"logits"})


def reticent():
    model = Reticent(SCRIPT, name="reticent")
    expert = Expert(name="reticent", model=model, style=PromptStyle.of(model))
    return Parts(expert=expert, embedder=None, indexes={})


@pytest.mark.parametrize("name", ["adaptive_contrast", "auto", "confidence_gain", "abstaining"])
def test_a_decoder_that_reads_what_the_expert_does_not_show_is_refused_by_name(name):
    settings = Settings(decoder=Component(name=name), gate=Component(name="always"))
    shown = frozenset({"logits"})
    for find in (
        lambda: assemble(settings, reticent()),
        lambda: check(
            settings.model_copy(update={"generator": GeneratorSettings(model="reticent")}),
            shown=shown,
        ),
    ):
        with pytest.raises(SettingsError) as caught:
            find()
        said = f"the decoder {name!r} reads streams, which reticent does not show."
        assert caught.value.message == said
        assert "plain" in caught.value.hint


def test_a_decoder_that_reads_the_passages_as_they_are_suits_everybody():
    settings = Settings(decoder=Component(name="plain"), gate=Component(name="always"))
    assert assemble(settings, reticent()).decoder == PlainDecoder()
    check(settings, shown=frozenset())


def test_entropies_that_the_settings_leave_open_are_measured_of_the_model(some_parts):
    model, style = some_parts.expert.model, some_parts.expert.style
    measured = null_entropies(model, style)
    made = assemble(Settings(decoder=Component(name="abstaining")), some_parts)
    assert made.decoder == AbstainingDecoder(
        null_entropy_closed=measured.closed, null_entropy_context=measured.context
    )
    set_ = Component(name="abstaining", null_entropy_closed=1.0)
    assert assemble(Settings(decoder=set_), some_parts).decoder == AbstainingDecoder(
        null_entropy_closed=1.0, null_entropy_context=measured.context
    )


def test_a_reliance_is_checked_before_a_model_is_loaded():
    knob = Settings(decoder=Component(name="confidence_gain"))
    for fine in (None, 0.0, 1.0):
        check_reliance(knob, fine)
    check_reliance(Settings(), None)
    with pytest.raises(UsageError, match="between 0"):
        check_reliance(knob, 1.5)
    with pytest.raises(UsageError, match="'plain' has no knob"):
        check_reliance(Settings(), 0.5)


# --- what was learned -------------------------------------------------------------------------


def test_a_named_artefact_of_another_model_is_an_error_that_names_both(some_parts, tmp_path):
    theirs = artefact(tmp_path / "gate", "gate/confidence", "f" * 64)
    settings = Settings(gate=Component(name="confidence", artefact=theirs))
    check(settings)
    with pytest.raises(ArtefactError) as caught:
        assemble(settings, some_parts)
    ours = some_parts.expert.model.fingerprint
    assert f"model {'f' * 12} (theirs), but the model in use is {ours[:12]}" in caught.value.message


def test_named_artefacts_of_this_model_are_used(some_parts, tmp_path):
    model, style = some_parts.expert.model.fingerprint, some_parts.expert.style.fingerprint
    gate = artefact(
        *(tmp_path / "gate", "gate/confidence", model),
        prompt=style,
        threshold=0.7,
        statistic="both",
        max_new_tokens=9,
    )
    filter_ = artefact(
        *(tmp_path / "filter", "filter/threshold", some_parts.embedder.fingerprint),
        slopes=1,
        threshold=0.25,
    )
    decoder = artefact(
        *(tmp_path / "decoder", "decoder/plain", model),
        prompt=some_parts.expert.style.contextual_fingerprint,
        slopes=3,
    )
    made = assemble(
        Settings(
            gate=Component(name="confidence", artefact=gate),
            filters=(Component(name="threshold", artefact=filter_),),
            decoder=Component(name="plain", artefact=decoder),
        ),
        some_parts,
    )
    assert made.gate == ConfidenceGate(threshold=0.7, max_new_tokens=9, curve=(1.0, 1.0, 0.5))
    assert made.filters == (ThresholdFilter(min_support=0.25, curve=(1.0, 0.5)),)
    assert made.sureness == Sureness(curve=(1.0, 1.0, 1.0, 0.5))
    answer = made.answer(["How often is the Larkspur valve calibrated?"])[0]
    assert answer.degraded == ()


def test_a_threshold_fitted_on_what_another_retriever_finds_is_refused(some_parts, tmp_path):
    fitted = artefact(
        tmp_path / "filter",
        "filter/threshold",
        some_parts.embedder.fingerprint,
        threshold=0.25,
        slopes=1,
        retriever="dense",
    )
    filters = (Component(name="threshold", artefact=fitted),)
    with pytest.raises(ArtefactError, match=r"fitted on what 'dense' finds.*in use is 'fused'"):
        assemble(Settings(filters=filters), some_parts)
    settings = Settings(filters=filters, retriever=Component(name="dense"))
    assert assemble(settings, some_parts).filters == (
        ThresholdFilter(curve=(1.0, 0.5), min_support=0.25),
    )


def test_an_artefact_of_another_component_is_refused(some_parts, tmp_path):
    model, style = some_parts.expert.model.fingerprint, some_parts.expert.style.fingerprint
    decoder = artefact(tmp_path / "decoder", "decoder/plain", model, prompt=style, slopes=3)
    settings = Settings(gate=Component(name="confidence", artefact=decoder))
    with pytest.raises(ArtefactError, match="decoder/plain, not for gate/confidence"):
        assemble(settings, some_parts)


def learned(folder, parts, **weights):
    card = Card(
        method="decoder/auto",
        model="theirs",
        model_fingerprint=parts.expert.model.fingerprint,
        prompt_hash=parts.expert.style.contextual_fingerprint,
    )
    Artefact(card=card, weights=weights).save(folder)
    return Settings(decoder=Component(name="auto", artefact=str(folder), most=2.0))


def test_a_decoder_that_learns_says_so_until_it_has_and_is_used_once_it_has(some_parts, tmp_path):
    question = "How often is the Larkspur valve calibrated?"
    bare = assemble(Settings(decoder=Component(name="auto")), some_parts)
    assert bare.decoder == AutoDecoder()
    assert "auto is not fitted for scripted" in {
        note.what for note in bare.answer([question])[0].degraded if note.stage == "decode"
    }
    taught = AutoDecoder(most=2.0).with_rewards([always("passages")] * len(CASES))
    made = assemble(learned(tmp_path / "auto", some_parts, **taught.learned), some_parts)
    assert made.decoder == taught
    # It says what to say, and not yet how sure that is.
    assert made.sureness == Sureness()
    notes = {note.what for note in made.answer([question])[0].degraded if note.stage == "decode"}
    assert notes == {"confidence of scripted with passages is not calibrated"}


def test_one_artefact_may_say_both_what_to_say_and_how_sure_that_is(some_parts, tmp_path):
    taught = AutoDecoder().with_rewards([always("passages")] * len(CASES))
    curve = np.array([1.0, 1.0, 1.0, 0.5])
    made = assemble(
        learned(tmp_path / "auto", some_parts, **taught.learned, curve=curve), some_parts
    )
    assert made.decoder.fitted
    assert made.sureness == Sureness(curve=(1.0, 1.0, 1.0, 0.5))


def test_an_artefact_that_lacks_what_a_decoder_learns_is_refused(some_parts, tmp_path):
    settings = learned(tmp_path / "auto", some_parts, curve=np.ones(4))
    with pytest.raises(ArtefactError, match="does not hold what the decoder 'auto' learns"):
        assemble(settings, some_parts)


# --- what is there ----------------------------------------------------------------------------


def test_all_indexes_of_the_home_are_used_unless_some_are_named(folder, some_parts):
    settings = Settings(home=folder / "home")
    assert index_names(settings) == ["handbook", "towns"]
    assert list(open_indexes(settings, some_parts.embedder)) == ["handbook", "towns"]
    one = settings.model_copy(update={"indexes": ("towns",)})
    assert index_names(one) == ["towns"]
    assert list(open_indexes(one, some_parts.embedder)) == ["towns"]


def test_an_unknown_index_is_known_before_a_model_is_loaded(folder, some_parts, no_models):
    assert some_parts.indexes
    settings = Settings(home=folder / "home", indexes=("town",))
    for find in (index_names, load_parts):
        with pytest.raises(UnknownNameError, match="Did you mean 'towns'"):
            find(settings)
    nothing = no_models.model_copy(update={"indexes": ("towns",)})
    with pytest.raises(UnknownNameError, match="rag-router index add"):
        index_names(nothing)


def test_trust_in_an_index_that_is_not_there_is_a_mistake(folder, some_parts):
    assert some_parts.indexes
    known = Settings(home=folder / "home", trust={"given": 0.0, "towns": 0.5})
    assert index_names(known) == ["handbook", "towns"]
    # An index that is not looked in may be trusted or not.
    assert index_names(known.model_copy(update={"indexes": ("handbook",)})) == ["handbook"]
    with pytest.raises(UnknownNameError, match="Did you mean 'towns'"):
        index_names(known.model_copy(update={"trust": {"town": 0.0}}))


def test_a_model_that_is_not_there_is_fetched_only_by_whoever_may(no_models):
    with pytest.raises(ModelError, match="rag-router models fetch gemma-3-270m"):
        require(no_models)
    asked: list[str] = []
    with pytest.raises(ModelError):
        load_expert(no_models, fetch=asked.append)
    assert asked == ["gemma-3-270m"]


def test_the_embedder_is_needed_only_where_there_is_an_index(no_models, tmp_path):
    asked: list[str] = []
    with pytest.raises(ModelError):
        load_parts(no_models, fetch=asked.append)
    assert "all-minilm-l6-v2" not in asked
    (tmp_path / "a.txt").write_text("Oslo.")
    Library(no_models.home).add("towns", [tmp_path / "a.txt"], HashingEmbedder())
    assert index_names(no_models) == ["towns"]


def test_without_indexes_there_is_nothing_to_look_in():
    alone = Parts(expert=scripted_expert(SCRIPT), embedder=None, indexes={})
    answer = assemble(Settings(), alone).answer(["Where is the valve?"])[0]
    assert (answer.abstained, answer.usage.retriever_calls) == (True, 0)
    assert "there is nothing to look in" in answer.knowledge.reason
