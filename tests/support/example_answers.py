"""A page of records, as the config of an example can read it: what tells of the next page stands where it looks for it."""

import json

from support.example_fields import as_json, at_path, merged, record_of

PAGES, ETAG = 3, '"as-it-was"'


def records_count(config):
    """Return how many records all pages of a resource have: whole ones and a last of one."""
    pages = config.get("pagination", {"type": "single"})
    return 2 if pages["type"] == "single" else (PAGES - 1) * size_of(pages) + 1


def size_of(pages):
    return pages.get("limit", 100) if pages["type"] == "offset" else pages.get("size", 2)


def page(config, asked, given, record, start):
    """Answer one page: the records, and what tells of the next."""
    pages = config.get("pagination", {"type": "single"})
    size, count = size_of(pages), records_count(config)
    at = place(pages, asked, given, size)
    numbers = range(at * size, min((at + 1) * size, count))
    records = [numbered_from(start, record(nth)) for nth in numbers]
    following, headers = at + 1 if at < PAGES - 1 and pages["type"] != "single" else None, {}
    link = None if following is None else f"{asked.path}?{'&'.join([*pairs(asked), f'at={following}'])}"
    document = at_path(config.get("records") or "$", records)
    match pages:
        case {"type": "page_number", "total_pages": path}:
            document = merged(document, at_path(path, PAGES))
        case {"type": "offset", "total": path}:
            document = merged(document, at_path(path, count))
        case {"type": "cursor", "cursor_path": path}:
            document = merged(document, at_path(path, None if following is None else f"page-{following}"))
        case {"type": "next_link", "path": path}:
            document = merged(document, at_path(path, link))
        case {"type": "next_link" | "link_header" | "auto"} if link is not None:
            headers["link"] = f'<{link}>; rel="{pages.get("rel", "next")}"'
    return (
        200,
        {**headers, "etag": ETAG, "content-type": CONTENT_TYPES[kind(config)]},
        written(config, document),
    )


def numbered_from(start, record):
    return {**record, "id": record["id"] + start} if "id" in record else record


CONTENT_TYPES = {"json": "application/json", "jsonl": "application/x-ndjson", "csv": "text/csv"}


def kind(config):
    return "json" if config.get("answer_type", "auto") == "auto" else config["answer_type"]


def written(config, document):
    match kind(config):
        case "csv":
            names = record_of(config, 0)
            return "\n".join(
                [",".join(names), *(",".join(map(str, one.values())) for one in document), ""]
            ).encode()
        case "jsonl":
            return "\n".join(json.dumps(one, default=as_json) for one in document).encode()
    return json.dumps(document, default=as_json).encode()


def pairs(asked):
    return [f"{name}={value}" for name, value in asked.query.items() if name != "at"]


def place(pages, asked, given, size):
    """Return which page is asked for, from 0."""
    match pages["type"]:
        case "page_number":
            if "size_param" in pages:
                assert int(given[pages["size_param"]]) == size
            return int(given[pages.get("page_param", "page")]) - pages.get("start", 1)
        case "offset":
            assert int(given[pages.get("limit_param", "limit")]) == size
            return int(given[pages.get("offset_param", "offset")]) // size
        case "cursor":
            return int(str(given.get(pages.get("cursor_param", "cursor"), "page-0")).removeprefix("page-"))
        case "single":
            return 0
    return int(asked.query.get("at", 0))
