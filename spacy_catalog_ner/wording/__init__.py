"""How the words around a name agree with it, and how a name is said."""
