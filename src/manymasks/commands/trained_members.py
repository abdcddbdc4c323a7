"""Trainings of a results folder, by label or key."""

from manymasks.database import query
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, all_manifests


def matching_trainings(name: str, layout: Layout) -> list[Manifest]:
    """Trainings by their key, its first digits, their label, or the first parts of it, such as a
    class (corpus/size/variant). Those of the current study alone, where it has any of them."""
    trainings = list(all_manifests(layout, "training"))
    chosen = [manifest for manifest in trainings if manifest.digest.startswith(name)]
    chosen = chosen or [
        manifest
        for manifest in trainings
        if f"{manifest.label.partition('/')[2]}/".startswith(f"{name.rstrip('/')}/")
    ]
    if len(chosen) > 1 and layout.database.is_file():
        with query.connect(layout.database) as connection:
            rows = connection.execute(
                "SELECT artifact FROM artifact WHERE stage = 'training' AND is_current"
            ).fetchall()
        current = {key for (key,) in rows}
        chosen = [manifest for manifest in chosen if manifest.key in current] or chosen
    return sorted(chosen, key=lambda manifest: manifest.label)
