"""The main job on this machine: a model goes to a fleet, works there, and reports come back."""

from syncnb.demo.job import Outcome, run

__all__ = ["Outcome", "run"]
