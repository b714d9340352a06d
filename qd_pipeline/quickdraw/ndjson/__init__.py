"""From the bytes of NDJSON lines straight to flat columns, whatever the bytes are.

`blocks` reads whole lines in bounded memory and `columns` makes Arrow of them, by kernels: `lines`
goes from line to line, `objects` from field to field, `coordinates` and `fields` read what is
wanted, `values`, `texts` and `tokens` hold JSON's grammar. `reasons` says in words why a line is
not a drawing, `seen` knows the key_ids of those before.
"""
