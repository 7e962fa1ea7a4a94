"""Tests of the live table and its still forms; none needs a browser."""
