"""Seeds that depend on the purpose of a draw, never on the number of draws before it."""

import hashlib


def seed_for(*key: int | str) -> int:
    """Return a 63-bit seed for a generator that serves one purpose, such as `(seed, "order", epoch)`.

    It is the start of the key's BLAKE2b hash (RFC 7693): the same on every machine, and unrelated for different keys.
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
