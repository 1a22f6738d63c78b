"""Downloading published sets."""
