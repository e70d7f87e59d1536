"""Stage 3: a bounded number of workers settles each appointment."""
