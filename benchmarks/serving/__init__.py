"""A student as a service runs it."""
