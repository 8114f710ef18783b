"""Seeds that depend on what a draw is for, never on how many draws came before it."""

import hashlib


def seed_for(*key: int | str) -> int:
    """A 63-bit seed for a generator that serves one purpose, such as `(seed, "order", epoch)`.

    Equal keys give equal seeds on every machine; different keys give unrelated ones, since the seed
    is the start of the key's BLAKE2b hash (RFC 7693).
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
