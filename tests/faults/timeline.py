"""The picture of a run: runs ended per second over time, faults as lines; plain SVG, no library."""

import json
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP = 960, 320, 50, 30
LABELS_MAX = 40


def per_second(moments: list[float]) -> list[int]:
    """Count moments (seconds from the start) by second."""
    counts = [0] * (int(max(moments, default=0)) + 1)
    for moment in moments:
        if moment >= 0:
            counts[int(moment)] += 1
    return counts


def faults_in(history: Path, since: float) -> list[tuple[float, str]]:
    """Return each fault with its second from `since`."""
    lines = map(json.loads, history.read_text().splitlines())
    return [
        (line["at"] - since, line["name"])
        for line in lines
        if line["what"] == "fault" and line["at"] >= since
    ]


def draw(path: Path, counts: list[int], faults: list[tuple[float, str]], title: str) -> None:
    """Write the picture."""
    seconds, top = max(len(counts), 1), max([*counts, 1])
    across, down = (WIDTH - LEFT - 10) / seconds, (HEIGHT - TOP - 60) / top
    floor = HEIGHT - 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="10">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-size="12">{title}</text>',
    ]
    parts += [
        f'<rect x="{LEFT + second * across:.1f}" y="{floor - count * down:.1f}" width="{max(across - 1, 1):.1f}" '
        f'height="{count * down:.1f}" fill="#4a7ebb"/>'
        for second, count in enumerate(counts)
    ]
    for at, name in faults[:LABELS_MAX]:
        x = LEFT + at * across
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{floor}" stroke="#c0392b" stroke-dasharray="3 2"/>'
        )
        parts.append(
            f'<text transform="translate({x + 3:.1f},{TOP + 4}) rotate(90)" fill="#c0392b">{name}</text>'
        )
    parts += [
        f'<text x="{LEFT + second * across:.1f}" y="{floor + 14}" text-anchor="middle">{second}</text>'
        for second in range(0, seconds, 10)
    ]
    parts += [
        f'<text x="{LEFT - 6}" y="{floor - top * down + 4:.1f}" text-anchor="end">{top}</text>',
        f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">0</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 20}">seconds; runs ended per second</text>',
        "</svg>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
