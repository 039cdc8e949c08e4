"""
The digests of all images that a deployment takes from elsewhere, looked up and written down.

    deploy/base/kustomization.yaml  images: (name, newName, newTag) ──▶ registry ──▶ digest, there and in the rendered file
    deploy/Dockerfile               ARG BASE=name:tag               ──▶ registry ──▶ name:tag@digest

Images of our own have no place before somebody pushed them: --own HOST/PATH pins them, as HOST/PATH/<service>, and nothing else, so
that the base stays the one that they were built on. --check changes and asks nothing: it fails while an image has no digest.

    python -m release.pin [--own HOST/PATH] [--check]      (REGISTRY_USER, REGISTRY_PASSWORD: for the registry of --own)
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from os import environ
from pathlib import Path

import yaml
from msgspec import Struct, convert
from msgspec.structs import replace

from release.registry import RegistryError, digest_of, reference

DEPLOY = Path(__file__).parents[1] / "deploy"
OWN = "orc-nats-ator/"
_BASE = re.compile(
    r"^ARG BASE=(?P<name>[^\s@]+):(?P<tag>[^\s:@]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?$", re.MULTILINE
)
_BLOCK = re.compile(r"^images:\n(?:[ -].*\n)*", re.MULTILINE)
_USED = re.compile(
    r"(?P<before>\bimage: )(?P<name>[^\s@]+?)(?::[^\s:/@]+)?(?:@sha256:[0-9a-f]{64})?$", re.MULTILINE
)


class Image(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """An entry of a kustomization's `images`."""

    name: str
    new_tag: str
    new_name: str | None = None
    digest: str | None = None

    @property
    def place(self) -> str:
        """Where it is pulled from."""
        return self.new_name or self.name

    def __str__(self) -> str:
        return f"{self.place}:{self.new_tag}" + (f"@{self.digest}" if self.digest else "")


class Deployment:
    """The three files of a deploy folder that name images."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self.kustomization = folder / "base" / "kustomization.yaml"
        self.rendered = folder / "orc-nats-ator.yaml"
        self.dockerfile = folder / "Dockerfile"

    def images(self) -> list[Image]:
        """Return what the kustomization names."""
        return convert(yaml.safe_load(self.kustomization.read_text(encoding="utf-8"))["images"], list[Image])

    def base(self) -> Image:
        """Return what the Dockerfile builds on."""
        match = _BASE.search(self.dockerfile.read_text(encoding="utf-8"))
        if match is None:
            raise SystemExit(f"{self.dockerfile}: no line `ARG BASE=name:tag`")
        return Image(match["name"], match["tag"], digest=match["digest"])

    def write(self, images: Sequence[Image], base: Image) -> None:
        """Write images into all three files."""
        entries = "".join(_entry(image) for image in images)
        _rewrite(self.kustomization, _BLOCK, f"images:\n{entries}")
        _rewrite(self.dockerfile, _BASE, f"ARG BASE={base}")
        text = self.rendered.read_text(encoding="utf-8")
        names = {name: str(image) for image in images for name in (image.name, image.place)}
        text = _USED.sub(lambda m: m["before"] + names.get(m["name"], m[0].removeprefix(m["before"])), text)
        self.rendered.write_text(text, encoding="utf-8")

    def unpinned(self) -> list[str]:
        """Return a sentence for each image without a digest, in any of the files."""
        used = {m[0].removeprefix(m["before"]) for m in _USED.finditer(self.rendered.read_text("utf-8"))}
        known = {str(image) for image in self.images()}
        named = [(self.kustomization, image) for image in sorted(known)]
        named += [(self.dockerfile, str(self.base()))]
        named += [(self.rendered, image) for image in sorted(used)]
        return [f"{path.name}: {image} has no digest" for path, image in named if "@sha256:" not in image] + [
            f"{self.rendered.name}: {image} is not what {self.kustomization.name} says"
            for image in sorted(used - known)
        ]


def _entry(image: Image) -> str:
    lines = [("name", image.name), ("newName", image.new_name), ("newTag", image.new_tag)]
    lines += [("digest", image.digest)]
    written = [f"{key}: {_scalar(value)}" for key, value in lines if value is not None]
    return "  - " + "\n    ".join(written) + "\n"


def _scalar(value: str) -> str:
    """Quote what YAML would read as a number."""
    return value if isinstance(yaml.safe_load(value), str) else f'"{value}"'


def _rewrite(path: Path, pattern: re.Pattern[str], text: str) -> None:
    path.write_text(pattern.sub(lambda _: text, path.read_text(encoding="utf-8"), count=1), encoding="utf-8")


def pinned(image: Image, credentials: tuple[str, str] | None = None) -> Image:
    """Return an image with the digest that its tag has now. Raises RegistryError."""
    return replace(image, digest=digest_of(reference(image.place, image.new_tag), credentials))


def pin(deployment: Deployment) -> None:
    """Pin what others make, and write it: ours are left as they are."""
    images = [image if image.name.startswith(OWN) else pinned(image) for image in deployment.images()]
    deployment.write(images, pinned(deployment.base()))


def pin_own(deployment: Deployment, place: str, environment: Mapping[str, str]) -> None:
    """Pin ours at a place, and write it: what they were built on is left as it was then."""
    user, password = environment.get("REGISTRY_USER"), environment.get("REGISTRY_PASSWORD")
    credentials = (user, password) if user and password else None
    images = [
        pinned(replace(image, new_name=f"{place}/{image.name.removeprefix(OWN)}"), credentials)
        if image.name.startswith(OWN)
        else image
        for image in deployment.images()
    ]
    deployment.write(images, deployment.base())


def main(arguments: Sequence[str]) -> int:
    """Pin, or check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="pin", description="pin images by their digests")
    parser.add_argument("--own", help="where our own images were pushed, as registry.example/team")
    parser.add_argument(
        "--check", action="store_true", help="fail while an image has no digest; asks nothing"
    )
    parser.add_argument("--deploy", type=Path, default=DEPLOY)
    given = parser.parse_args(arguments)
    deployment = Deployment(given.deploy)
    if given.check:
        return _say(deployment.unpinned())
    try:
        if given.own:
            pin_own(deployment, given.own, environ)
        else:
            pin(deployment)
    except RegistryError as error:
        return _say([f"nothing was changed: {error}"])
    for left in deployment.unpinned():
        print(f"left: {left}")
    return 0


def _say(faults: Iterable[str]) -> int:
    found = list(faults)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
