"""Version of the package, kept apart so that the build can read it without importing spaCy."""

__version__ = "0.2.0.dev0"
