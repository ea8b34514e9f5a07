"""The spacy-llm tasks: prompts made of candidates and exemplars, answers parsed to spans."""
