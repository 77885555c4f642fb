"""Ways in which the bytes of a file go wrong."""

import random
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

_INSERTED = (
    *(b"\0", b"\n", b"-", b"1e999", b"nan", b'"', b"/", b"../", b"\xef\xbb\xbf", b"\xff"),
    *(b"\xe2\x80\xa8", b"9" * 400, b"null", b"[]", b"{}", b"A" * 300, b" ", b".png"),
)
_REPLACED = (b"", b"[]", b"{}", b"3", b"null", b"[" * 100_000, b"\xff\xfe", b"\0" * 64)
_LARGEST_COPY = 10_000


def flip_a_bit(content: bytes, rng: random.Random) -> bytes:
    """A disk or a memory that errs."""
    data = bytearray(content or b"\0")
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def insert(content: bytes, rng: random.Random) -> bytes:
    """An editor, a script, or another tool's idea of the format."""
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice(_INSERTED) + content[place:]


def insert_noise(content: bytes, rng: random.Random) -> bytes:
    """Random bytes."""
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.randbytes(rng.randrange(1, 9)) + content[place:]


def delete(content: bytes, rng: random.Random) -> bytes:
    """Some bytes in the middle are gone."""
    place = rng.randrange(len(content) + 1)
    return content[:place] + content[place + rng.randrange(1, 20) :]


def cut(content: bytes, rng: random.Random) -> bytes:
    """A copy that did not finish."""
    return content[: rng.randrange(len(content) + 1)]


def double(content: bytes, rng: random.Random) -> bytes:
    """Everything twice, as after `cat a >> a`."""
    del rng
    return content + content[:_LARGEST_COPY]


def change_digit(content: bytes, rng: random.Random) -> bytes:
    """A number that becomes another one: text that is right by its format."""
    places = [i for i, byte in enumerate(content) if 48 <= byte <= 57]
    if not places:
        return flip_a_bit(content, rng)
    place = rng.choice(places)
    return content[:place] + str(rng.randrange(10)).encode() + content[place + 1 :]


def replace_all(content: bytes, rng: random.Random) -> bytes:
    """Another file under this name."""
    del content
    return rng.choice(_REPLACED)


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_a_bit, insert, insert_noise, delete),
    *(cut, double, change_digit, replace_all),
)
