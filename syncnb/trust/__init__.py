"""What a node trusts: kept, changed by statements, compared with what arrives."""
