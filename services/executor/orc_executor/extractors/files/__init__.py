"""Which files are read, from wherever they lie."""
