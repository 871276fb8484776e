"""The fingerprint of everything that decides the bits of a result, apart from the call itself.

It is part of the key of every cached answer that an engine gave, so it may change only where
results change. It was first computed as sha256(names and bytes of the engine's sources + the text
of `describe_device`)[:32]. That made a reformatted file look like another computation. Now
NUMERICS_VERSION stands for the sources, and every key made before stays valid: hashing goes on from
the state that SHA-256 had after the sources of that time. hashlib cannot start from a state, hence
the few lines of FIPS 180-4 below.
"""

import struct

import torch

from .device import Device

# Raise it by one whenever the bits of a result change: another formula, another order of a sum,
# another kernel. tests/test_fingerprint.py fails where the numbers change and this does not.
NUMERICS_VERSION = 1

# SHA-256 after the first SOURCES_BYTES bytes of the sources of version 1 (every
# gpu-workers/engine/*.py of commit ac527ee, sorted by name, each as name and content), and what was
# left of them for the next block of 64 bytes.
SOURCES_STATE = "3f5b07f2dd60aa430b359b2b03a45600404fc7f3027f3c213c923e39c9509fdf"
SOURCES_BYTES = 205_184
SOURCES_REST = b"al.float(), tensors[WEIGHT][0])\n"

# FIPS 180-4, section 4.2.2: first 32 bits of the fractional parts of the cube roots of the first 64
# primes.
ROUND_CONSTANTS = struct.unpack(
    ">64I",
    bytes.fromhex(
        "428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5"
        "d807aa9812835b01243185be550c7dc372be5d7480deb1fe9bdc06a7c19bf174"
        "e49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da"
        "983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca635114292967"
        "27b70a852e1b21384d2c6dfc53380d13650a7354766a0abb81c2c92e92722c85"
        "a2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070"
        "19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3"
        "748f82ee78a5636f84c878148cc7020890befffaa4506cebbef9a3f7c67178f2"
    ),
)
WORD = 0xFFFFFFFF


def describe_device(device: Device) -> str:
    """What else decides the bits: torch, dtype, device and threads, and the version of the numerics
    from 2 on.
    """
    text = f"{torch.__version__} {device.dtype_name} {device.kind} {device.name} {device.threads}"
    return text if NUMERICS_VERSION == 1 else f"{text} numerics {NUMERICS_VERSION}"


def compute_fingerprint(device: Device) -> str:
    """32 hexadecimal digits; engines with equal ones give equal bits for equal calls."""
    rest = SOURCES_REST + describe_device(device).encode()
    return continue_sha256(bytes.fromhex(SOURCES_STATE), SOURCES_BYTES, rest)[:32]


def continue_sha256(state: bytes, hashed: int, rest: bytes) -> str:
    """sha256 of a message as hexadecimal digits, from the state after its first `hashed` bytes.

    `rest` is everything after these; `state` is eight big-endian words of 32 bits, `hashed` a
    multiple of 64 (FIPS 180-4, section 6.2).
    """
    padding = b"\x80" + b"\0" * (-(len(rest) + 9) % 64)
    message = rest + padding + struct.pack(">Q", 8 * (hashed + len(rest)))
    for start in range(0, len(message), 64):
        state = compress_block(state, message[start : start + 64])
    return state.hex()


def compress_block(state: bytes, block: bytes) -> bytes:
    """The state after one more block of 64 bytes (FIPS 180-4, section 6.2.2)."""
    words = list(struct.unpack(">16I", block))
    for t in range(16, 64):
        x, y = words[t - 15], words[t - 2]
        s0 = rotate_right(x, 7) ^ rotate_right(x, 18) ^ (x >> 3)
        s1 = rotate_right(y, 17) ^ rotate_right(y, 19) ^ (y >> 10)
        words.append((words[t - 16] + s0 + words[t - 7] + s1) & WORD)
    start = struct.unpack(">8I", state)
    a, b, c, d, e, f, g, h = start
    for constant, word in zip(ROUND_CONSTANTS, words, strict=True):
        s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)
        t1 = h + s1 + ((e & f) ^ (~e & g)) + constant + word
        s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)
        t2 = s0 + ((a & b) ^ (a & c) ^ (b & c))
        a, b, c, d, e, f, g, h = (t1 + t2) & WORD, a, b, c, (d + t1) & WORD, e, f, g
    end = (a, b, c, d, e, f, g, h)
    return struct.pack(">8I", *((x + y) & WORD for x, y in zip(start, end, strict=True)))


def rotate_right(word: int, count: int) -> int:
    """A word of 32 bits, rotated."""
    return (word >> count | word << (32 - count)) & WORD
