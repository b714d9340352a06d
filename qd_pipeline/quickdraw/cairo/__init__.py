"""Cairo's arithmetic for wide, round-ended strokes, as compiled kernels.

The dataset's bitmaps were drawn by cairo 1.16, and equal bits need equal arithmetic. The
files follow a stroke's way through it: `fixed` puts its points on cairo's grid, `pen` holds
the polygon that stands for the round tip, `outline` walks around the stroke, `edges` cuts the
outline into descending lines, `scan` measures how much of each pixel they enclose, `listed`
does so where the order of cairo's own list of edges tells, and `compose` lays the ink on the
bitmap. `drawing` goes through the drawings of a column.
"""
