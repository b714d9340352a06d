"""From a skeleton to strokes: the edges of its graph, joined as a pen would go on."""

import numpy as np

from qd_pipeline.quickdraw.kernels import kernel
from qd_pipeline.quickdraw.sketches.ground import Mask
from qd_pipeline.quickdraw.sketches.simplify import Points
from qd_pipeline.quickdraw.sketches.skeleton_graph import (
    Indices,
    centres_of,
    edges_of,
    without_artefacts,
)

REACH = 1.5
"""Length of an edge over which its direction at a junction is measured, in widths of the pen."""

BENT = 0.5
"""Distance from a junction, in widths of the pen, up to which thinning bends lines towards it."""

MOST = 20
"""Lines at one junction that are joined in pairs; where there are more, each ends there."""

_A_LINE = 2


@kernel
def strokes_of_skeleton(skeleton: Mask, pen: float) -> tuple[Points, Indices]:
    """Trace a skeleton: at junctions, the two lines that are straightest go on in each other.

    Args:
        skeleton: As `edges_of` takes it.
        pen: Width of the lines before they were thinned, in pixels.

    Returns:
        The strokes' points one after another, `float64 (n, 2)`, x and y, and before which point
        each stroke ends. Where there is nothing but spurs, a stroke is a single point.
    """
    points, ends, nodes, places = edges_of(skeleton)
    kept, junctions = without_artefacts(points, ends, nodes, places, pen)
    centres = centres_of(nodes, junctions, places)
    # An edge e has the ends 2 e and 2 e + 1.
    at = np.full(2 * len(ends), -1)
    crowds = np.zeros(len(centres), np.int64)
    for end in range(len(at)):
        if kept[end // 2]:
            at[end] = junctions[nodes[end // 2, end % 2]]
            crowds[at[end]] += 1
    mates = _mates(at, _directions(points, ends, at, centres, REACH * pen))
    strokes = np.empty((len(points) + len(at) + len(centres), 2))
    stroke_ends = np.empty(len(ends) + len(centres), np.int64)
    walked = np.zeros(len(ends), np.bool_)
    n = count = 0
    for closed in (False, True):
        for first in range(len(at)):
            end = first
            if at[end] < 0 or walked[end // 2] or (mates[end] >= 0) != closed:
                continue
            strokes[n] = centres[at[end]]
            n += 1
            last = at[end]
            while end >= 0 and not walked[end // 2]:
                walked[end // 2] = True
                n = _append_edge(points, ends, at, centres, crowds, end, BENT * pen, strokes, n)
                last = at[end ^ 1]
                end = mates[end ^ 1]
            strokes[n] = centres[last]
            n += 1
            stroke_ends[count] = n
            count += 1
    for node, junction in enumerate(junctions):
        if node == junction and crowds[node] == 0:
            strokes[n] = centres[node]
            n += 1
            stroke_ends[count] = n
            count += 1
    return strokes[:n], stroke_ends[:count]


@kernel
def _directions(
    points: Points, ends: Indices, at: Indices, centres: Points, reach: float
) -> Points:
    """Return the direction, of length 1, in which each end of an edge leaves its junction."""
    directions = np.zeros((len(at), 2))
    for end, junction in enumerate(at):
        if junction < 0:
            continue
        edge = end // 2
        begin = ends[edge - 1] if edge else 0
        i, step = (ends[edge] - 1, -1) if end % 2 else (begin, 1)
        length = 0.0
        for _ in range(ends[edge] - begin - 1):
            i += step
            dx, dy = points[i] - points[i - step]
            length += np.hypot(dx, dy)
            if length >= reach:
                break
        dx, dy = points[i] - centres[junction]
        away = max(np.hypot(dx, dy), 1e-9)
        directions[end] = dx / away, dy / away
    return directions


@kernel
def _mates(at: Indices, directions: Points) -> Indices:
    """Pair the ends at each junction, the straightest pairs first; -1 is no mate."""
    mates = np.full(len(at), -1)
    order = np.argsort(at, kind="mergesort")
    stop = 0
    while stop < len(at):
        start = stop
        while stop < len(at) and at[order[stop]] == at[order[start]]:
            stop += 1
        if at[order[start]] < 0 or stop - start > MOST:
            continue
        for _ in range((stop - start) // 2):
            straightest, one, other = np.inf, -1, -1
            for i in order[start:stop]:
                for j in order[start:stop]:
                    cosine = directions[i, 0] * directions[j, 0]
                    cosine += directions[i, 1] * directions[j, 1]
                    if i < j and mates[i] < 0 and mates[j] < 0 and cosine < straightest:
                        straightest, one, other = cosine, i, j
            mates[one], mates[other] = other, one
    return mates


@kernel
def _append_edge(
    points: Points,
    ends: Indices,
    at: Indices,
    centres: Points,
    crowds: Indices,
    end: int,
    bent: float,
    strokes: Points,
    n: int,
) -> int:
    """Append an edge from one of its ends, without points that are bent towards a junction.

    Returns:
        How many points there are now.
    """
    edge = end // 2
    begin = ends[edge - 1] if edge else 0
    for step in range(ends[edge] - begin):
        x, y = points[ends[edge] - 1 - step if end % 2 else begin + step]
        clear = True
        for junction in (at[end], at[end ^ 1]):
            if crowds[junction] > _A_LINE:
                to_x, to_y = centres[junction]
                clear &= np.hypot(x - to_x, y - to_y) >= bent
        if clear:
            strokes[n] = x, y
            n += 1
    return n
