"""People accept, edit or reject patterns."""
