"""Random numbers as functions of a seed, and exactly resumable."""
