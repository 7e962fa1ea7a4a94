"""Tests of what a node does with what it gets: the cache, loading, following, feedback."""
