"""The embedded Cloud Sync Service and Edge Sync Service; knows nothing of notebooks or codecs."""
