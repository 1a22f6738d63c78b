"""What makes every random number a function of a seed, and exact to resume."""
