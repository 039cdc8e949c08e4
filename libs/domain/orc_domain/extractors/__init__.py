"""Where data comes from: a file per extractor's config; `orc_domain.extract` puts them together."""
