"""The catalog, against other ways to find known names."""
