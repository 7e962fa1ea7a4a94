"""Records and data in every kind of storage, over several processes, backed up and migrated."""
