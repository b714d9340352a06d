"""The graph of a skeleton: nodes at line ends and junctions, edges between them.

Where lines are wide, thinning adds what nobody drew: a crossing becomes two junctions with an edge
between them, and uneven sides grow spurs.
"""

import numpy as np
import numpy.typing as npt

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Points

ONE_CROSSING = 1.0
"""Longest edge between two junctions of one crossing, in widths of the pen."""

SPUR = 0.75
"""Longest edge from a junction to the end of a line that is a spur, in widths of the pen."""

Indices = npt.NDArray[np.int64]

_DY = np.array([-1, 0, 1, 0, -1, 1, 1, -1])
_DX = np.array([0, 1, 0, -1, 1, 1, -1, -1])
_STRAIGHT = 4
_ON_A_LINE = 2


@kernel
def edges_of(skeleton: Mask) -> tuple[Points, Indices, Indices, Points]:
    """Find the edges of a skeleton. A ring is an edge from one of its pixels to the same.

    Args:
        skeleton: `bool (height, width)`, lines one pixel wide, none on its edge.

    Returns:
        Points of all edges, `float64 (n, 2)`, x and y, with those of their nodes; before which
        point each ends; the indices of its two nodes, (edges, 2); and the nodes' places,
        (nodes, 2). Compiled, and may be called from kernels.
    """
    pixels = np.argwhere(skeleton)
    node = np.full(skeleton.shape, -1)
    places = np.empty((len(pixels), 2))
    count = 0
    for y, x in pixels:
        links = 0
        for direction in range(8):
            links += _is_linked(skeleton, y, x, direction)
        if links != _ON_A_LINE:
            node[y, x] = count
            places[count] = x, y
            count += 1
    # A pixel has at most four links, and each edge takes one from two pixels.
    points = np.empty((5 * len(pixels), 2))
    ends = np.empty(2 * len(pixels), np.int64)
    nodes = np.empty((2 * len(pixels), 2), np.int64)
    walked = np.zeros_like(skeleton)
    n = edges = 0
    for rings in (False, True):
        for y, x in pixels:
            if walked[y, x] or (node[y, x] < 0) != rings:
                continue
            if rings:
                node[y, x] = count
                places[count] = x, y
                count += 1
            for direction in range(8):
                begin = n
                n = _walk(skeleton, node, walked, y, x, direction, points, n)
                if n > begin:
                    to_x, to_y = points[n - 1]
                    nodes[edges] = node[y, x], node[int(to_y), int(to_x)]
                    ends[edges] = n
                    edges += 1
    return points[:n], ends[:edges], nodes[:edges], places[:count]


@kernel
def _is_linked(skeleton: Mask, y: int, x: int, direction: int) -> bool:
    """Whether a neighbour is next on a line: diagonal ones only where no other is between."""
    j, i = y + _DY[direction], x + _DX[direction]
    if direction < _STRAIGHT or not skeleton[j, i]:
        return bool(skeleton[j, i])
    return not skeleton[y, i] and not skeleton[j, x]


@kernel
def _walk(
    skeleton: Mask,
    node: Indices,
    walked: Mask,
    from_y: int,
    from_x: int,
    towards: int,
    points: Points,
    n: int,
) -> int:
    """Append the points of an edge that begins at a node, unless it was walked.

    Returns:
        How many points there are now.
    """
    y, x = from_y + _DY[towards], from_x + _DX[towards]
    if not _is_linked(skeleton, from_y, from_x, towards):
        return n
    if walked[y, x] or -1 < node[y, x] <= node[from_y, from_x]:
        return n
    points[n] = from_x, from_y
    n += 1
    while node[y, x] < 0:
        walked[y, x] = True
        points[n] = x, y
        n += 1
        j, i = y, x
        for direction in range(8):
            j, i = y + _DY[direction], x + _DX[direction]
            is_back = j == from_y and i == from_x
            if _is_linked(skeleton, y, x, direction) and not is_back:
                break
        from_y, from_x, y, x = y, x, j, i
    points[n] = x, y
    return n + 1


@kernel
def without_artefacts(
    points: Points, ends: Indices, nodes: Indices, places: Points, pen: float
) -> tuple[npt.NDArray[np.bool_], Indices]:
    """Drop spurs and the edges within a crossing, whose nodes become one junction.

    No junction is longer than the pen is wide: a row of crossings stays a row.

    Args:
        points: As `edges_of` returns them, like `ends` and `nodes`.
        ends: Ends of the edges.
        nodes: Nodes of the edges.
        places: Places of the nodes.
        pen: Width of the lines before they were thinned, in pixels.

    Returns:
        Which edges are kept, and for each node the one that stands for its junction. Compiled,
        and may be called from kernels.
    """
    links = np.bincount(nodes.ravel(), minlength=len(places))
    kept = np.ones(len(ends), np.bool_)
    junctions = np.arange(len(places))
    begin = 0
    for edge, end in enumerate(ends):
        length = 0.0
        for i in range(begin + 1, end):
            length += np.hypot(points[i, 0] - points[i - 1, 0], points[i, 1] - points[i - 1, 1])
        begin = end
        one, other = nodes[edge]
        if links[one] == 1:
            one, other = other, one
        is_spur = links[other] == 1
        if links[one] <= _ON_A_LINE or length > (SPUR if is_spur else ONE_CROSSING) * pen:
            continue
        one, other = _representative(junctions, one), _representative(junctions, other)
        if not is_spur:
            one, other = min(one, other), max(one, other)
            dx, dy = places[one] - places[other]
            if np.hypot(dx, dy) > ONE_CROSSING * pen:
                continue
        kept[edge] = False
        junctions[other] = one
    for node in range(len(places)):
        junctions[node] = _representative(junctions, node)
    return kept, junctions


@kernel
def _representative(junctions: Indices, node: int) -> int:
    while junctions[node] != node:
        junctions[node] = junctions[junctions[node]]
        node = junctions[node]
    return node


@kernel
def centres_of(nodes: Indices, junctions: Indices, places: Points) -> Points:
    """Return the middle of each junction, in which the tips of spurs do not count.

    Args:
        nodes: As `edges_of` returns them, like `places`.
        junctions: As `without_artefacts` returns them.
        places: Places of the nodes.

    Returns:
        float64 (nodes, 2); of nodes that stand for no junction, their places. Compiled, and may be
        called from kernels.
    """
    links = np.bincount(nodes.ravel(), minlength=len(places))
    sums, counts = np.zeros_like(places), np.zeros(len(places))
    for node, junction in enumerate(junctions):
        if links[node] != 1:
            sums[junction] += places[node]
            counts[junction] += 1
    for node in range(len(places)):
        if counts[node] == 0:
            sums[node] = places[node]
            counts[node] = 1
    return sums / counts.reshape(-1, 1)
