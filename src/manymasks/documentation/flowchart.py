"""A flowchart of Mermaid as an SVG, for pages that are built without a network.

A forge draws the same text itself. Of Mermaid's language it reads lines `a & b --> c` alone.
"""

import html
import itertools
from collections.abc import Mapping, Sequence

CHARACTER = 7.2
"""Width of a character, in pixels."""
HEIGHT, ROW, GAP = 22, 32, 40
"""Height of a box; distance of two boxes in a column; distance of two columns."""
SWEEPS = 24
STYLE = (
    "text{font:12px ui-monospace,monospace;fill:currentColor;text-anchor:middle}"
    "rect{fill:none;stroke:currentColor;stroke-width:1.2}"
    "path{fill:none;stroke:currentColor;stroke-opacity:.75}path.implied{stroke-opacity:.2}"
    "polygon{fill:currentColor;fill-opacity:.75}"
)

Edge = tuple[str, str]


def edges_of(text: str) -> list[Edge]:
    """The arrows of a flowchart, in order."""
    edges = []
    for line in text.splitlines():
        sources, arrow, target = line.partition("-->")
        if arrow:
            edges += [(source.strip(), target.strip()) for source in sources.split("&")]
    return edges


def svg(text: str, title: str) -> str:
    """The flowchart from left to right. An arrow that others imply is faint; one that leads back to
    a box that was named before is left out of the columns, and drawn last."""
    edges = edges_of(text)
    names = list(dict.fromkeys(itertools.chain.from_iterable(edges)))
    forward = _acyclic(edges)
    columns = _columns(names, forward)
    chains = {edge: _chain(edge, columns) for edge in forward}
    rows = _ordered(names, columns, chains)
    at = _heights(rows, chains)
    count = max(columns.values()) + 1
    widths = [
        max(CHARACTER * len(name) + 14 for name in names if columns[name] == column)
        for column in range(count)
    ]
    lefts = [sum(widths[:column]) + GAP * column + 2 for column in range(count)]
    implied = {edge for edge in forward if _is_implied(edge, forward)}
    drawn = [
        _arrow(chain, at, columns, lefts, widths, edge in implied)
        for edge, chain in sorted(chains.items(), key=lambda item: item[0] not in implied)
    ]
    for source, target in set(edges) - set(forward):
        drawn.append(_arrow_back(source, target, at, columns, lefts, widths))
    for name in names:
        left, width, middle = lefts[columns[name]], widths[columns[name]], at[name]
        drawn.append(
            f'<rect x="{left:.0f}" y="{middle - HEIGHT / 2:.0f}" width="{width:.0f}" '
            f'height="{HEIGHT}" rx="4"/><text x="{left + width / 2:.0f}" y="{middle + 4:.0f}">'
            f"{html.escape(name)}</text>"
        )
    size = f"{lefts[-1] + widths[-1] + 2:.0f} {max(at.values()) + HEIGHT:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" '
        f'aria-label="{html.escape(title)}"><style>{STYLE}</style>{"".join(drawn)}</svg>'
    )


def _acyclic(edges: Sequence[Edge]) -> list[Edge]:
    """The arrows without those that would close a circle; those to a box whose own arrows stand
    before, as in a line above, are the first to go."""
    lines = {target: number for number, (_, target) in enumerate(reversed(edges))}
    kept: list[Edge] = []
    for source, target in sorted(
        dict.fromkeys(edges), key=lambda edge: lines.get(edge[0], len(edges)) < lines[edge[1]]
    ):
        if not _reaches(target, source, kept):
            kept.append((source, target))
    return kept


def _reaches(source: str, target: str, edges: Sequence[Edge]) -> bool:
    seen, front = {source}, {source}
    while front:
        front = {b for a, b in edges if a in front} - seen
        seen |= front
    return target in seen


def _is_implied(edge: Edge, edges: Sequence[Edge]) -> bool:
    """Whether a path of other arrows leads to the same box."""
    return _reaches(*edge, [other for other in edges if other != edge])


def _columns(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The column of each box: the number of arrows on the longest path to it."""
    columns = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in edges:
            columns[target] = max(columns[target], columns[source] + 1)
    return columns


def _chain(edge: Edge, columns: Mapping[str, int]) -> list[str]:
    """An arrow's boxes, with a place of its own in each column that it crosses."""
    source, target = edge
    between = range(columns[source] + 1, columns[target])
    return [source, *(f"{source}>{target}@{column}" for column in between), target]


def _ordered(
    names: Sequence[str], columns: Mapping[str, int], chains: Mapping[Edge, Sequence[str]]
) -> list[list[str]]:
    """Boxes and crossing arrows of each column from top to bottom, with few crossings."""
    rows: list[list[str]] = [[] for _ in range(max(columns.values()) + 1)]
    for name in names:
        rows[columns[name]].append(name)
    for (source, _), chain in chains.items():
        for number, stop in enumerate(chain[1:-1]):
            rows[columns[source] + 1 + number].append(stop)
    neighbours = _neighbours(chains)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else rows[::-1]:
            at = {stop: i / len(other) for other in rows for i, stop in enumerate(other)}
            row.sort(key=lambda place: _mean([at[n] for n in neighbours[place]], at[place]))
    return rows


def _neighbours(chains: Mapping[Edge, Sequence[str]]) -> dict[str, list[str]]:
    neighbours: dict[str, list[str]] = {}
    for chain in chains.values():
        for a, b in itertools.pairwise(chain):
            neighbours.setdefault(a, []).append(b)
            neighbours.setdefault(b, []).append(a)
    return neighbours


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _heights(
    rows: Sequence[Sequence[str]], chains: Mapping[Edge, Sequence[str]]
) -> dict[str, float]:
    """The middle of each place: near its neighbours, in the order of its column."""
    # A crossing arrow takes less room than a box.
    room = {stop: ROW / 3 if "@" in stop else ROW for row in rows for stop in row}
    at: dict[str, float] = {}
    for row in rows:
        below = 0.0
        for stop in row:
            at[stop] = below + room[stop] / 2
            below += room[stop]
    neighbours = _neighbours(chains)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else rows[::-1]:
            wanted = [_mean([at[n] for n in neighbours[stop]], at[stop]) for stop in row]
            at |= dict(zip(row, _spaced(wanted, [room[stop] for stop in row]), strict=True))
    top = min(at.values()) - HEIGHT / 2 - 2
    return {stop: middle - top for stop, middle in at.items()}


def _spaced(wanted: Sequence[float], room: Sequence[float]) -> list[float]:
    """Middles in this order with enough room, near those that are wanted: places that would
    overlap form a block, which is centred on what its places want."""
    blocks: list[tuple[float, float, list[int]]] = []
    """Middle and size of each block, and its places."""
    for stop, middle in enumerate(wanted):
        block = (middle, room[stop], [stop])
        while blocks and blocks[-1][0] + blocks[-1][1] / 2 > block[0] - block[1] / 2:
            places = blocks.pop()[2] + block[2]
            size = sum(room[i] for i in places)
            offsets = list(itertools.accumulate((room[i] for i in places), initial=0.0))
            middles = [wanted[i] - offsets[k] - room[i] / 2 for k, i in enumerate(places)]
            block = (sum(middles) / len(middles) + size / 2, size, places)
        blocks.append(block)
    placed = [0.0] * len(wanted)
    for middle, size, places in blocks:
        below = middle - size / 2
        for i in places:
            placed[i] = below + room[i] / 2
            below += room[i]
    return placed


def _arrow(
    chain: Sequence[str],
    at: Mapping[str, float],
    columns: Mapping[str, int],
    lefts: Sequence[float],
    widths: Sequence[float],
    is_implied: bool,
) -> str:
    first = columns[chain[0]]
    x, y = lefts[first] + widths[first], at[chain[0]]
    line = f"M{x:.0f} {y:.0f}"
    for step, stop in enumerate(chain[1:], first + 1):
        end, to = lefts[step], at[stop]
        half = (end - x) / 2
        line += f"C{x + half:.0f} {y:.0f} {end - half:.0f} {to:.0f} {end:.0f} {to:.0f}"
        if stop is not chain[-1]:
            line += f"H{end + widths[step]:.0f}"
        x, y = end + widths[step], to
    tip, to = lefts[columns[chain[-1]]], at[chain[-1]]
    kind = ' class="implied"' if is_implied else ""
    head = "" if is_implied else _head(tip, to)
    return f'<path{kind} d="{line}"/>{head}'


def _head(x: float, y: float) -> str:
    return f'<polygon points="{x:.0f},{y:.0f} {x - 6:.0f},{y - 3:.0f} {x - 6:.0f},{y + 3:.0f}"/>'


def _arrow_back(
    source: str,
    target: str,
    at: Mapping[str, float],
    columns: Mapping[str, int],
    lefts: Sequence[float],
    widths: Sequence[float],
) -> str:
    """A dashed arrow to an earlier column, from below to below."""
    x = lefts[columns[source]] + widths[columns[source]] / 2
    end = lefts[columns[target]] + widths[columns[target]] / 2
    y, to = at[source] + HEIGHT / 2, at[target] + HEIGHT / 2
    low = max(y, to) + ROW / 2
    line = f"M{x:.0f} {y:.0f}C{x:.0f} {low:.0f} {end:.0f} {low:.0f} {end:.0f} {to:.0f}"
    head = f"{end:.0f},{to:.0f} {end - 3:.0f},{to + 6:.0f} {end + 3:.0f},{to + 6:.0f}"
    return f'<path stroke-dasharray="3 3" d="{line}"/><polygon points="{head}"/>'
