"""Tests that look at the widgets in a real JupyterLab in a real browser."""
