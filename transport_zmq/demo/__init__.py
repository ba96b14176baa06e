"""A cluster of real processes that loses its leader before your eyes: what `quorate demo --processes` shows."""
