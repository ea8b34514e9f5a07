"""Reading and writing files: rows with their places, packed and delimited files, atomic writes."""
