"""Getting corpora into the shape that the project reads: own files, column files, MASSIVE."""
