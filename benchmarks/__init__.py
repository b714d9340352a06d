"""What the project is measured against: other ways to do the same work."""
