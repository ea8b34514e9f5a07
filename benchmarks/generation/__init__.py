"""The making of conversational data sets."""
