"""The pass over a probe: what is held at once; the stage's tests hold its sums to the members."""

from hypothesis import given
from hypothesis import strategies as st

from manymasks.divergence.probe_pass import pieces_of


@given(st.integers(1, 9), st.integers(1, 7), st.integers(1, 10), st.integers(1, 8))
def test_pieces_have_every_position_once_and_in_order(
    windows: int, scored: int, at_once: int, places: int
) -> None:
    found = list(pieces_of(windows, scored, at_once, places))
    positions = [
        window * scored + place
        for piece in found
        for window in range(*piece.windows)
        for place in range(*piece.offsets)
    ]
    assert positions == list(range(windows * scored))
    for piece in found:
        assert 0 < piece.positions <= (at_once * scored if places >= scored else places)
