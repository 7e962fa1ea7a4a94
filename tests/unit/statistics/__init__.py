"""Tests of what nodes learn: reporting, collecting, tables, understanding."""
