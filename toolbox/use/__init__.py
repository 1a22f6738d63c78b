"""Using a trained run: translate, sample, draw grids, export."""
