"""Tests of the tables that follow a service."""
