"""From settings to a fusion of experts: what is built, and what is refused."""

from __future__ import annotations

import pytest

from rag_router.artefacts import Artefact, Card
from rag_router.errors import ArtefactError, SettingsError, UnknownNameError
from rag_router.experts.fusion.ballots import Ballot
from rag_router.experts.fusion.experience import Experience, Recorded
from rag_router.experts.fusion.frugal import FrugalFusion
from rag_router.experts.fusion.mixture import MixtureFusion
from rag_router.experts.fusion.vote import VoteFusion
from rag_router.experts.fusion.weighing import EvenWeighing, KnowledgeWeighing, RouterWeighing
from rag_router.experts.pool import Pool
from rag_router.experts.routing.best_single import BestSingleRouter
from rag_router.fusing import check_fusion, fused, load_fusion
from rag_router.orchestrator import PooledOrchestrator
from rag_router.orchestrator.fused_pool import FusingOrchestrator
from rag_router.settings import FusionSettings, Settings, load_settings

TWO = """
[[experts]]
name = "a"
model = "gemma-3-270m"

[[experts]]
name = "b"
model = "gemma-3-270m"
"""
REMOTE = """
[[experts]]
name = "far"
model = "large"
url = "https://example.org/v1"
"""


def settings_of(tmp_path, text):
    path = tmp_path / "rag.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {})


def built(settings):
    pooled = PooledOrchestrator(pool=Pool([]), router=BestSingleRouter())
    return fused(settings, pooled)


def test_without_a_fusion_the_pool_is_left_as_it_is(tmp_path):
    assert type(built(settings_of(tmp_path, TWO))) is PooledOrchestrator


def test_a_fusion_is_built_with_its_options_its_experts_and_its_weights(tmp_path):
    text = TWO + '[fusion]\nname = "vote"\nalternatives = 3\nexperts = ["b", "a"]\n'
    made = built(settings_of(tmp_path, text))
    assert isinstance(made, FusingOrchestrator)
    assert (made.fusion, made.fusion_name) == (VoteFusion(alternatives=3), "vote")
    assert made.experts == ("b", "a")
    assert isinstance(made.router, BestSingleRouter)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("", KnowledgeWeighing),
        ('weights = "even"', EvenWeighing),
        ('weights = "router"\nsharpness = 2', RouterWeighing),
    ],
)
def test_weights_are_what_the_settings_name(tmp_path, written, kind):
    made = built(settings_of(tmp_path, f'{TWO}[fusion]\nname = "mixture"\n{written}\n'))
    assert isinstance(made, FusingOrchestrator)
    assert isinstance(made.fusion, MixtureFusion)
    assert isinstance(made.weighing, kind)
    assert getattr(made.weighing, "sharpness", None) in ({1.0, 2.0} | {None})


@pytest.mark.parametrize(
    ("written", "error", "said"),
    [
        ('name = "mixtur"', UnknownNameError, "Did you mean 'mixture'"),
        ('name = "vote"\nalternative = 3', SettingsError, "Did you mean 'alternatives'"),
        ('name = "vote"\nexperts = ["a", "c"]', UnknownNameError, "no expert named 'c'"),
        ('name = "logits_fusion"\nlarge = "b"', SettingsError, "there is no expert"),
        (f'name = "product"\n{REMOTE}', SettingsError, "'far' shows its words alone"),
    ],
)
def test_what_cannot_be_fused_is_found_before_anything_is_loaded(tmp_path, written, error, said):
    settings = settings_of(tmp_path, f"{TWO}[fusion]\n{written}\n")
    with pytest.raises(error, match=said):
        check_fusion(settings)


def test_a_fusion_of_one_expert_or_of_none_is_refused():
    with pytest.raises(SettingsError, match="of several experts; saw none"):
        check_fusion(Settings(fusion=FusionSettings(name="vote")))


def test_an_unknown_way_to_weigh_is_refused_with_its_place(tmp_path):
    with pytest.raises(SettingsError, match=r"rag\.toml:\d+: fusion\.weights"):
        settings_of(tmp_path, f'{TWO}[fusion]\nname = "mixture"\nweights = "size"\n')


def test_what_a_frugal_questioner_recorded_is_read_back(tmp_path):
    line = [Recorded(Ballot("x", 0.9), True), Recorded(Ballot("y", 0.4), False)]
    card = Card(method="frugal", model="a+b", model_fingerprint="")
    fusion = FrugalFusion(experience=Experience.of(("a", "b"), [line]))
    fusion.to_artefact(card).save(tmp_path / "it")
    named = FusionSettings(name="frugal", price=0.3, artefact=str(tmp_path / "it"))
    back = load_fusion(named)
    assert isinstance(back, FrugalFusion)
    assert back.price == 0.3
    assert back.experience is not None
    assert back.experience.names == ("a", "b")


def test_an_artefact_that_is_no_fusions_is_refused(tmp_path):
    card = Card(method="thrust", model="a", model_fingerprint="")
    Artefact(card=card, weights={}).save(tmp_path / "other")
    with pytest.raises(ArtefactError, match="holds thrust"):
        load_fusion(FusionSettings(name="frugal", artefact=str(tmp_path / "other")))
    Artefact(card=Card(method="frugal", model="a", model_fingerprint=""), weights={}).save(
        tmp_path / "empty"
    )
    with pytest.raises(ArtefactError, match="does not hold what 'frugal' records"):
        load_fusion(FusionSettings(name="frugal", artefact=str(tmp_path / "empty")))
    with pytest.raises(SettingsError, match="'vote' learns nothing"):
        load_fusion(FusionSettings(name="vote", artefact=str(tmp_path / "empty")))
