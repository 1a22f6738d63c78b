"""Trained runs over HTTP: who may ask, a service that translates, and its page."""
