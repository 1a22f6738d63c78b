"""Data sets of image files and drawn worlds."""
