"""The one download, against a small server on the loopback address."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mdjax.io.download import RESNET18_SHA256_START, RESNET18_URL, fetch_resnet18
from mdjax.types import MdjaxError

CONTENT = bytes(range(256)) * 8192  # two chunks
START = hashlib.sha256(CONTENT).hexdigest()[:8]


class Server(ThreadingHTTPServer):
    """Answers with `content`, and claims that it is `length` bytes long."""

    content = CONTENT
    length = len(CONTENT)
    status = 200
    num_requests = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.num_requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.length))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def fetch(server: Server, cache_dir: Path, start: str = START, **options: Any) -> Path:
    url = f"http://127.0.0.1:{server.server_address[1]}/resnet18-{START}.pth"
    return fetch_resnet18(url=url, sha256_start=start, cache_dir=cache_dir, **options)


def test_published_name_carries_the_digits_that_are_checked() -> None:
    assert RESNET18_URL.endswith(f"/resnet18-{RESNET18_SHA256_START}.pth")


def test_file_is_downloaded_once_and_then_needs_no_network(server: Server, tmp_path: Path) -> None:
    lines: list[str] = []
    path = fetch(server, tmp_path / "cache", show=lines.append)
    assert path.read_bytes() == CONTENT
    assert [item.name for item in path.parent.iterdir()] == [f"resnet18-{START}.pth"]
    assert "Downloading http://127.0.0.1" in lines[0]
    server.shutdown()
    assert fetch(server, tmp_path / "cache", show=lines.append) == path
    assert server.num_requests == 1
    assert len(lines) == 1


def test_damaged_file_in_the_cache_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    path = fetch(server, tmp_path)
    path.write_bytes(CONTENT[:100])
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def assert_refused(server: Server, folder: Path, *, match: str) -> None:
    with pytest.raises(MdjaxError, match=match) as caught:
        fetch(server, folder)
    assert "give the file: --pretrained resnet18-" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_altered_answer_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = b"x" + CONTENT[1:]
    assert_refused(server, tmp_path, match=f"is not the published file: .* not {START}")


def test_answer_that_is_cut_short_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:1000]
    assert_refused(server, tmp_path, match="truncated after 1000 of 2097152 bytes")


def test_refusal_of_the_server_is_named(server: Server, tmp_path: Path) -> None:
    server.status = 403
    assert_refused(server, tmp_path, match="cannot be downloaded: Forbidden")


def test_no_server_is_one_message(server: Server, tmp_path: Path) -> None:
    server.shutdown()
    server.server_close()
    assert_refused(server, tmp_path, match="cannot be downloaded: .*refused")
