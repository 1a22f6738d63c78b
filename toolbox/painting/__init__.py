"""A page on which label maps are painted, and the picture that a trained run makes of them is shown."""
