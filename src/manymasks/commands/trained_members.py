"""Members of a results folder with weights of their own, by label or key."""

from collections.abc import Sequence

from manymasks.catalogue import MODELS
from manymasks.database import query
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, all_manifests


def matching_trainings(name: str, layout: Layout) -> list[Manifest]:
    """Trainings by their key, its first digits, their label, or the first parts of it, such as a
    class (corpus/size/variant). Those of the current study alone, where it has any of them."""
    return _matching(name, layout, ["training"])


def matching_members(name: str, layout: Layout) -> list[Manifest]:
    """As `matching_trainings`, with pretrained members."""
    return _matching(name, layout, MODELS)


def _matching(name: str, layout: Layout, stages: Sequence[str]) -> list[Manifest]:
    members = [manifest for stage in stages for manifest in all_manifests(layout, stage)]
    chosen = [manifest for manifest in members if manifest.digest.startswith(name)]
    chosen = chosen or [
        manifest
        for manifest in members
        if f"{manifest.label.partition('/')[2]}/".startswith(f"{name.rstrip('/')}/")
    ]
    if len(chosen) > 1 and layout.database.is_file():
        with query.connect(layout.database) as connection:
            rows = connection.execute(
                "SELECT artifact FROM artifact WHERE list_contains(?, stage) AND is_current",
                [list(stages)],
            ).fetchall()
        current = {key for (key,) in rows}
        chosen = [manifest for manifest in chosen if manifest.key in current] or chosen
    return sorted(chosen, key=lambda manifest: manifest.label)
