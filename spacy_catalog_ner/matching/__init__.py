"""Finding catalog names in texts: the matcher component, its finder, and what a catalog covers."""
