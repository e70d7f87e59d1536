"""Stage 2: the rules in force and what is known of each appointment become a decision."""
