"""From the bytes of NDJSON lines straight to flat columns, whatever the bytes are.

`blocks` reads whole lines in bounded memory, `tokens` holds JSON's grammar, `fields` what a
drawing's fields may hold, `lines` goes from line to line, and `columns` turns what they found
into Arrow. `reasons` says in words why a line is not a drawing.
"""
