"""The extractors `json` and `jsonl`, and JSON records wherever they come from."""
