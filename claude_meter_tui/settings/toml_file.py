"""The TOML file's keys, validated by pydantic. Only imported where there is such a file (see `settings.py`)."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from claude_meter_tui.domain.errors import BadUsageError
from claude_meter_tui.settings.choices import AskingSource, ThemeName  # noqa: TC001 - pydantic reads them


class ConfigFile(BaseModel):
    """The keys of the TOML file; every one optional, an unknown one is an error that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    theme: ThemeName | None = None
    ascii: bool | None = None
    show_left: bool | None = None
    api_url: str | None = None
    web_url: str | None = None
    source: AskingSource | None = None
    bridge: bool | None = None
    bridge_port: int | None = Field(default=None, ge=1, le=65535)


def values_of(text: str, shown: str) -> dict[str, Any]:
    """The values set in a TOML text; `shown` is how to name the file.

    Raises:
        BadUsageError: not TOML, or a key that is unknown or of the wrong kind.
    """
    try:
        return ConfigFile.model_validate(tomllib.loads(text)).model_dump(exclude_none=True)
    except tomllib.TOMLDecodeError as error:
        raise BadUsageError(f"{shown} is not TOML ({error}).", "Mend it or move it away.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BadUsageError(f"{shown}: {name}: {first['msg']}.", "Mend that line.") from None
