"""How users' tables are read, from a file to columns in canonical units."""
