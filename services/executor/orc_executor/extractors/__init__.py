"""Where data comes from: a file per extractor."""
