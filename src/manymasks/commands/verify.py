"""manymasks verify: every file of every artifact against its digest."""

from manymasks.errors import UserError
from manymasks.store.layout import Layout
from manymasks.store.manifest import DamagedManifest, again, all_manifests, damaged_files


def verify_artifacts(layout: Layout) -> str:
    """Check every manifest and payload file; what was checked, in words. Raises UserError with all
    that is missing or damaged, and the commands that make it again."""
    artifacts, files, size = 0, 0, 0
    manifests: list[DamagedManifest] = []
    damaged: list[str] = []
    commands: list[str] = []
    for manifest in all_manifests(layout, on_damage=manifests.append):
        artifacts += 1
        files += len(manifest.files)
        size += sum(file.bytes for file in manifest.files)
        messages = damaged_files(layout.folder(manifest.stage, manifest.key), manifest)
        damaged += messages
        if messages:
            commands.append(again(manifest.stage, manifest.key))
    if damaged or manifests:
        lines = [*damaged, *(f"{error.path}: {error.reason}" for error in manifests)]
        commands += [error.command for error in manifests]
        more = f", and {len(manifests)} manifests are damaged" if manifests else ""
        raise UserError(
            "\n".join(lines) + f"\n{len(damaged)} of {files} files differ from their manifests"
            f"{more}. Make them again:" + "".join(f"\n  {command}" for command in commands)
        )
    if not artifacts:
        raise UserError(f"{layout.results}: there are no artifacts to verify")
    return f"{artifacts} artifacts, {files} files, {size / 1e6:.1f} MB: all match their manifests"
