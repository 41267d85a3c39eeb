"""Whether Claude Code is used here without a plan, so that there are no windows: with an API key or a cloud provider.

Looked at only where no login was found, so that the user is not told to log in. No key is kept, or even read whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_meter_tui.sources.claude_code import config as claude_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_PROVIDERS = {
    "CLAUDE_CODE_USE_BEDROCK": "Amazon Bedrock",
    "CLAUDE_CODE_USE_VERTEX": "Google Vertex AI",
    "CLAUDE_CODE_USE_FOUNDRY": "Microsoft Foundry",
}
_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
_OFF = ("", "0", "false", "no", "off")


def used_with(env: Mapping[str, str], folders: Iterable[Path], config_files: Iterable[Path]) -> str | None:
    """`an API key`, `Amazon Bedrock` …, as a person would name it; None where nothing says so.

    Args:
        env: Claude Code's environment, as far as it is ours.
        folders: Claude Code's folders, whose `settings.json` can set the same.
        config_files: its `.claude.json` files, which keep a key that was logged in with.
    """
    found = [claude_config.content(str(folder / "settings.json")) for folder in folders]
    environments: list[Mapping[str, Any]] = [env, *(each["env"] for each in found if isinstance(each.get("env"), dict))]
    for name, provider in _PROVIDERS.items():
        if any(str(each.get(name, "")).strip().lower() not in _OFF for each in environments):
            return provider
    by_key = any(each.get(name) for each in environments for name in _KEYS)
    by_helper = any(each.get("apiKeyHelper") for each in found)
    kept = any(claude_config.content(str(file)).get("primaryApiKey") for file in config_files)
    return "an API key" if by_key or by_helper or kept else None
