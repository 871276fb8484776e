"""Writes the lock files of the engine's Python packages: `npm run lock:python`.

The requirements files pin versions for people to read; a lock holds the same pins with the sha256
of every wheel that pip may install for them, so that set-up installs with `--require-hashes`. The
hashes come from the index that pip is configured to use. Nothing is written where a package that
another one needs is not pinned for a Python or machine that is supported.
"""

import io
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

ENGINE = Path(__file__).resolve().parents[2] / "gpu-workers" / "engine" / "requirements"
PYTHONS = [(3, 10), (3, 11), (3, 12), (3, 13), (3, 14)]
#: The newest C library whose wheels are taken; pip leaves out those newer than the machine's.
GLIBC = 39
LINUX = {
    machine: [
        *(f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 4, -1)),
        *(f"manylinux{name}_{machine}" for name in ("2014", "2010", "1")),
        f"linux_{machine}",
    ]
    for machine in ("x86_64", "aarch64")
}
PLATFORMS = {**LINUX, "arm64": list(mac_platforms((26, 0), "arm64"))}


@dataclass(frozen=True)
class Lock:
    """What a lock is made of, and for which machines."""

    #: Requirements files that it holds, and those that are installed with them.
    files: list[str]
    others: list[str] = field(default_factory=list)
    #: Pythons and machines that it is for; by default all that are supported.
    pythons: list[tuple[int, int]] = field(default_factory=lambda: PYTHONS)
    machines: list[str] = field(default_factory=lambda: list(PLATFORMS))
    #: Packages that others name and that are left out on purpose.
    left_out: frozenset[str] = frozenset()


LOCKS = {
    "requirements.lock": Lock(["requirements.txt"], ["requirements-torch.txt"]),
    "requirements-torch.lock": Lock(["requirements-torch.txt"], ["requirements.txt"]),
    "requirements-ray.lock": Lock(
        ["requirements-ray.txt"],
        ["requirements.txt", "requirements-torch.txt"],
    ),
    "requirements-test.lock": Lock(
        ["requirements-test.txt"],
        ["requirements.txt", "requirements-torch.txt"],
    ),
    "requirements-tinker.lock": Lock(
        ["requirements-tinker.txt"],
        ["requirements.txt", "requirements-torch.txt"],
        pythons=PYTHONS[1:],
    ),
    "requirements-skyrl.lock": Lock(
        ["requirements-skyrl.txt"],
        pythons=[(3, 11)],
        machines=["x86_64"],
        left_out=frozenset(["torch", "triton"]),
    ),
    "requirements-vllm.lock": Lock(
        ["requirements-vllm.txt"],
        pythons=[(3, 11)],
        machines=["x86_64"],
        left_out=frozenset(
            ["torch", "torchaudio", "torchcodec", "torchvision", "triton", "opencv-python-headless"]
        ),
    ),
}


def read_index_url() -> str:
    """The index that pip asks: of its settings, else PyPI."""
    found = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
    )
    return (
        os.environ.get("PIP_INDEX_URL") or found.stdout.strip() or "https://pypi.org/simple"
    ).rstrip("/")


INDEX = read_index_url()
CONTEXT = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))


def fetch(url: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60, context=CONTEXT) as answer:
        return answer.read()


@cache
def list_files(name: str) -> list[dict]:
    """All files of a package, as the index lists them."""
    page = fetch(f"{INDEX}/{name}/", "application/vnd.pypi.simple.v1+json")
    return json.loads(page)["files"]


def read_pins(file: str) -> list[Requirement]:
    lines = (ENGINE / file).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def get_version(pin: Requirement) -> str:
    [specifier] = pin.specifier
    if specifier.operator != "==":
        raise SystemExit(f"{pin} is no pin: write NAME==VERSION.")
    return specifier.version


SUPPORTED_TAGS = {
    (python, machine): frozenset(
        [
            *cpython_tags(python, platforms=platforms),
            *compatible_tags(python, f"cp{python[0]}{python[1]}", platforms),
        ]
    )
    for python in PYTHONS
    for machine, platforms in PLATFORMS.items()
}
ALL_TAGS = frozenset().union(*SUPPORTED_TAGS.values())


@cache
def list_wheels(name: str, version: str) -> list[tuple[dict, frozenset]]:
    """Wheels of a release that a supported machine could install, with their tags.

    Source distributions are none: what builds them would be fetched without a hash.
    """
    wheels = []
    for file in list_files(name):
        try:
            _, found, _, tags = parse_wheel_filename(file["filename"])
        except ValueError:
            continue
        if found == Version(version) and tags & ALL_TAGS and not file.get("yanked"):
            wheels.append((file, tags))
    if not wheels:
        raise SystemExit(f"{INDEX} has no wheel of {name} {version}.")
    return wheels


def fetch_metadata(wheel: dict) -> str | None:
    try:
        return fetch(wheel["url"] + ".metadata").decode()
    except urllib.error.HTTPError:
        return None


def unpack_metadata(wheel: dict) -> str | None:
    """Of an index that does not offer the metadata apart; not of a very large wheel."""
    if (wheel.get("size") or 0) > 200_000_000:
        return None
    with zipfile.ZipFile(io.BytesIO(fetch(wheel["url"]))) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return archive.read(name).decode()


@cache
def read_needs(name: str, version: str) -> list[Requirement]:
    """What a release says that it needs, of any of its wheels: they differ by markers only."""
    wheels = [file for file, _ in list_wheels(name, version)]
    for read in (fetch_metadata, unpack_metadata):
        metadata = next(filter(None, map(read, wheels)), None)
        if metadata is None:
            continue
        header = metadata.split("\n\n", 1)[0]
        return [Requirement(line) for line in re.findall(r"^Requires-Dist: (.+)$", header, re.M)]
    try:  # as it is installed here: of a large wheel on an index without metadata apart
        installed = distribution(name)
    except PackageNotFoundError:
        installed = None
    if installed is None or Version(installed.version) != Version(version):
        raise SystemExit(
            f"{INDEX} does not tell what {name} {version} needs: install it here, then again."
        )
    return [Requirement(line) for line in installed.requires or []]


def build_environment(python: tuple[int, int], machine: str) -> dict[str, str]:
    is_mac = machine == "arm64"
    version = f"{python[0]}.{python[1]}"
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Darwin" if is_mac else "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "darwin" if is_mac else "linux",
    }


def applies(marker: Marker | None, environment: dict[str, str], extra: str = "") -> bool:
    return marker is None or marker.evaluate({**environment, "extra": extra})


def find_problems(lock: Lock) -> Iterator[str]:
    """What is not pinned, not to be had or does not fit together, for each Python and machine."""
    pins = [pin for file in [*lock.files, *lock.others] for pin in read_pins(file)]
    for (python, machine), tags in SUPPORTED_TAGS.items():
        if python not in lock.pythons or machine not in lock.machines:
            continue
        environment = build_environment(python, machine)
        where = f"Python {python[0]}.{python[1]} on {machine}"
        chosen = {
            canonicalize_name(pin.name): get_version(pin)
            for pin in pins
            if applies(pin.marker, environment)
        }
        for name, version in chosen.items():
            if not any(found & tags for _, found in list_wheels(name, version)):
                yield f"{name} {version} has no wheel for {where}"
        waiting = [(name, "") for name in chosen]
        seen = set(waiting)
        while waiting:
            name, extra = waiting.pop()
            for need in read_needs(name, chosen[name]):
                if not applies(need.marker, environment, extra):
                    continue
                needed = canonicalize_name(need.name)
                if needed in lock.left_out:
                    continue
                says = f"{name} {chosen[name]} needs {need}"
                if needed not in chosen:
                    yield f"{says}, which is not pinned, for {where}"
                    continue
                if not need.specifier.contains(chosen[needed], prereleases=True):
                    yield f"{says}, but {chosen[needed]} is pinned, for {where}"
                for each in ["", *need.extras]:
                    if (needed, each) not in seen:
                        seen.add((needed, each))
                        waiting.append((needed, each))


def write_lock(name: str, lock: Lock) -> None:
    files = ", ".join(lock.files)
    lines = [f"# Made of {files} by `npm run lock:python`: pins, the sha256 of each wheel."]
    wanted = frozenset().union(
        *(SUPPORTED_TAGS[python, machine] for python in lock.pythons for machine in lock.machines)
    )
    for file in lock.files:
        for pin in read_pins(file):
            marker = f" ; {pin.marker}" if pin.marker else ""
            wheels = list_wheels(canonicalize_name(pin.name), get_version(pin))
            hashes = sorted({wheel["hashes"]["sha256"] for wheel, tags in wheels if tags & wanted})
            lines.append(f"{pin.name}=={get_version(pin)}{marker} \\")
            lines.append(" \\\n".join(f"    --hash=sha256:{each}" for each in hashes))
    (ENGINE / name).write_text("\n".join(lines) + "\n")


def main() -> None:
    problems = [problem for lock in LOCKS.values() for problem in find_problems(lock)]
    if problems:
        raise SystemExit("\n".join(dict.fromkeys(problems)))
    for name, lock in LOCKS.items():
        write_lock(name, lock)


if __name__ == "__main__":
    main()
