"""What nodes reported, and what it says."""
