"""Waiting for updates, in each of its forms."""
