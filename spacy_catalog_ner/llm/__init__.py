"""The spacy-llm task that selects among candidates, its prompts, and the models that answer."""
