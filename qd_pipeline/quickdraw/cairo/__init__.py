"""Cairo's arithmetic for wide, round-ended strokes, as compiled kernels.

The dataset's bitmaps were drawn by cairo 1.16, and equal bits need equal arithmetic. The
files follow a stroke's way through it: `fixed` puts its points on cairo's grid, `steps`
measures from point to point, `pen` holds the polygon that stands for the round tip, `outline`
walks around the stroke, and `edges` are the outline's lines. `gather` finds where they cross the
sub-rows of the bitmap, `lanes` holds these crossings, 15 sub-rows side by side in `slots`, whose
operations are made of `vectors`, and `scan` measures how much of each pixel they enclose, with
`spans` for whole pixel rows and `active_list` where the order of cairo's active edge list decides.
`compose` lays the ink on the bitmap, and `drawing` goes through the drawings of a column.
"""
