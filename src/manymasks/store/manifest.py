"""Manifests: the settings, code, inputs and file digests of an artifact."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from manymasks.disk.checksum import sha256_of as sha256_of
from manymasks.errors import UserError
from manymasks.store.canonical import digest
from manymasks.store.layout import Layout
from manymasks.store.sealed import check_seal, read_object, write_sealed

SCHEME = 1
"""Of digests of artifacts."""
FORMAT = 2
UNSEALED = 1
"""Format of manifests without a digest of their content: only what is in the key is checked."""
NO_OTHERS = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class InputReference:
    """An artifact that another was made from."""

    __pydantic_config__ = NO_OTHERS
    stage: str
    key: str
    digest: str


@dataclass(frozen=True)
class PayloadFile:
    """A file of an artifact, by its path in the folder of the artifact."""

    __pydantic_config__ = NO_OTHERS
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The record of a complete artifact."""

    __pydantic_config__ = NO_OTHERS
    stage: str
    key: str
    digest: str
    label: str
    settings: dict[str, Any]
    inputs: dict[str, tuple[InputReference, ...]]
    code: dict[str, str]
    files: tuple[PayloadFile, ...]
    figures: dict[str, Any]
    environment: dict[str, Any]
    created: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    operational: dict[str, Any] = field(default_factory=dict)


def digest_of(
    stage: str,
    settings: Mapping[str, Any],
    code: Mapping[str, str],
    inputs: Mapping[str, Sequence[str]],
) -> str:
    """The digest of an artifact, from the digests of its inputs; its first digits are the key."""
    return digest(
        {"scheme": SCHEME, "stage": stage, "settings": settings, "code": code, "inputs": inputs}
    )


class DamagedManifest(UserError):
    """A manifest that is not what was written for the artifact in whose folder it lies."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        self.command = again(path.parent.parent.name, path.parent.name)
        super().__init__(
            f"{path}: is not the manifest that was written here ({reason}). Make the artifact "
            f"again with\n  {self.command}\n"
            f"or delete the folder {path.parent} if no study needs it."
        )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest atomically, which completes the artifact."""
    write_sealed(path, {"format": FORMAT, **asdict(manifest)})


def read_manifest(path: Path) -> Manifest:
    """The manifest of an artifact, in its folder. Raises DamagedManifest, which names the command
    that makes the artifact again, if it is damaged, edited, of another format or another's."""
    key, stage = path.parent.name, path.parent.parent.name
    try:
        manifest = parse_manifest(path)
        if (manifest.stage, manifest.key) != (stage, key):
            raise ValueError(f"it is that of {manifest.stage}/{manifest.key}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedManifest(path, str(reason)) from error
    return manifest


def again(stage: str, key: str) -> str:
    """The command that makes a complete artifact again."""
    return f"manymasks run {stage} {key} --force"


def parse_manifest(path: Path) -> Manifest:
    """A manifest, wherever it lies. Raises OSError, or ValueError with what is wrong."""
    values = read_object(path)
    version = values.get("format")
    if version == FORMAT:
        check_seal(values)
    elif version != UNSEALED:
        raise ValueError(f"its format is {version!r}, this version of manymasks reads {FORMAT}")
    del values["format"]
    try:
        manifest = _ADAPTER.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg'].lower()}") from error
    if version == UNSEALED and manifest.digest != _expected_digest(manifest):
        raise ValueError("its settings, code or inputs differ from its digest")
    if manifest.key != manifest.digest[:12]:
        raise ValueError(f"its key {manifest.key} differs from its digest {manifest.digest}")
    return manifest


_ADAPTER = TypeAdapter(Manifest)


def _expected_digest(manifest: Manifest) -> str:
    inputs = {
        role: [reference.digest for reference in references]
        for role, references in manifest.inputs.items()
    }
    return digest_of(manifest.stage, manifest.settings, manifest.code, inputs)


def all_manifests(
    layout: Layout,
    stage: str = "*",
    key: str = "*",
    on_damage: Callable[[DamagedManifest], None] | None = None,
) -> Iterator[Manifest]:
    """Manifests of the complete artifacts in a results folder, in order of stage and key. Raises
    DamagedManifest for the first that is damaged, or calls `on_damage` with each."""
    for path in sorted(layout.results.glob(f"{stage}/{key}/manifest.json")):
        try:
            yield read_manifest(path)
        except DamagedManifest as error:
            if on_damage is None:
                raise
            on_damage(error)


def absent_files(folder: Path, manifest: Manifest, prefix: str = "") -> list[Path]:
    """Payload files that are gone, or of another size than they had: those that were evicted."""
    absent = []
    for file in manifest.files:
        path = folder / file.path
        if file.path.startswith(prefix) and not (
            path.is_file() and path.stat().st_size == file.bytes
        ):
            absent.append(path)
    return absent


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """A message for each payload file that is missing or differs from its digest."""
    messages = []
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            messages.append(f"{path}: is missing")
        elif (size := path.stat().st_size) != file.bytes:
            messages.append(f"{path}: has {size} bytes, its manifest says {file.bytes}")
        elif (digest := sha256_of(path)) != file.sha256:
            messages.append(f"{path}: has SHA-256 {digest}, its manifest says {file.sha256}")
    return messages
