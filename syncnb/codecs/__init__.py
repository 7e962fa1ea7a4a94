"""Objects to bytes and back, one file for each family; `default_registry` knows them all."""

from syncnb.codecs.registry import Codec, Loading, Predicts, Registry, default_registry

__all__ = ["Codec", "Loading", "Predicts", "Registry", "default_registry"]
