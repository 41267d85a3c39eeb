"""Textual's picture of a screen, made fit to be kept: it stands alone."""

from __future__ import annotations

import re


def self_contained(svg: str) -> str:
    """The picture without its remote fonts: an opened one fetches nothing."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code", "font-family: 'Fira Code', 'DejaVu Sans Mono'")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
