"""Where data goes: a file per loader's config; `orc_domain.load` puts them together."""
