"""Raw traffic: reading it, and telling conversational utterances from commands."""
