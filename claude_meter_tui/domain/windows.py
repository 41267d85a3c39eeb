"""The domain: a Reading of an Account's Windows, and its Money.

Immutable, no I/O, and no clock of its own: what depends on "now" takes it as an argument (see `urgency.py`). All
times are aware UTC; utilization is in percent as the server sent it (0.5 is half a percent, and it can exceed 100).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from claude_meter_tui.domain.money import limit_reached, percent_of_limit, worth_showing

if TYPE_CHECKING:
    from claude_meter_tui.domain.plain_reading import ReadingDocument

Group = Literal["session", "weekly", "other"]
UtcTime = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Immutable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Money(_Immutable):
    """An exact amount in a currency's major unit, with as many decimals as the server's exponent says.

    `currency` is the ISO 4217 code as sent, or None where the server named none.
    """

    amount: Decimal
    currency: str | None = None

    @classmethod
    def from_minor(cls, minor: int, exponent: int, currency: str | None) -> Money:
        """1240 minor units with exponent 2 are 12.40, exactly (never through a float)."""
        digits = tuple(int(digit) for digit in str(abs(minor)))
        return cls(amount=Decimal((int(minor < 0), digits, -exponent)), currency=currency)


class ExtraUsage(_Immutable):
    """Paid usage beyond the plan's windows. `utilization` is percent of `limit`, as sent; None where not sent."""

    enabled: bool | None = None
    used: Money | None = None
    limit: Money | None = None
    utilization: float | None = None
    disabled_reason: str | None = None

    @property
    def limit_reached(self) -> bool:
        """Used ≥ limit, whatever the older flags say (FACTS §1, `spend`)."""
        return limit_reached(self.used, self.limit)

    @property
    def percent(self) -> float | None:
        """How much of the limit is used, in percent: by the amounts, else as sent; None where neither tells."""
        return percent_of_limit(self.used, self.limit, self.utilization)

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to say: it is on, or something was spent."""
        return worth_showing(self.enabled, self.used)

    @property
    def carries_on(self) -> bool:
        """Whether work goes on past 100 % of a window: enabled and its own limit not reached."""
        return bool(self.enabled) and not self.limit_reached


class Window(_Immutable):
    """One rate-limit window as read.

    `utilization` in percent; `resets_at` None while nothing has opened the window; `length_seconds` None where the
    length is not known (the server does not send it: `five_hour` is 5 h, every `seven_day*` and weekly limit 7 d).
    `observed_at` and `source` stand where a reading is merged from several sources, else they are the reading's.
    """

    key: str
    label: str
    group: Group
    utilization: float
    resets_at: UtcTime | None = None
    length_seconds: int | None = None
    model: str | None = None
    surface: str | None = None
    severity: str | None = None
    is_active: bool | None = None
    observed_at: UtcTime | None = None
    source: str | None = None

    @property
    def opened_at(self) -> datetime | None:
        """When this instance of the window began: its reset less its length; None where either is unknown."""
        if self.resets_at is None or self.length_seconds is None:
            return None
        return self.resets_at - timedelta(seconds=self.length_seconds)


class Account(_Immutable):
    """Whom a reading belongs to. All None: not known (yet)."""

    email: str | None = None
    organization_uuid: str | None = None
    plan: str | None = None


class Reading(_Immutable):
    """What one source said of an account's windows at one moment.

    `damaged` names the parts of the body that could not be understood (for `doctor`); the rest is unaffected.
    Merged from several sources (`merging`), `observed_at` and `source` are those of the newest observation, and
    `whole_at` is when every window was last observed at once; None where that never was.
    """

    observed_at: UtcTime
    source: str
    account: Account = Account()
    windows: tuple[Window, ...] = ()
    extra_usage: ExtraUsage | None = None
    damaged: tuple[str, ...] = ()
    whole_at: UtcTime | None = None

    def window(self, key: str) -> Window | None:
        """The window with this key, or None."""
        return next((window for window in self.windows if window.key == key), None)

    def document(self) -> ReadingDocument:
        """The plain dict the store keeps and the scripts' texts are made from."""
        return cast("ReadingDocument", self.model_dump(mode="json"))

    def steadied(self, before: Reading | None) -> Reading:
        """This reading with each reset that only jittered put back to where `before` had it.

        One and the same `resets_at` moves by up to 1.9 s between answers (FACTS §1); a countdown must not jump for it.
        """
        if before is None:
            return self
        return self.model_copy(
            update={"windows": tuple(_steadied(window, before.window(window.key)) for window in self.windows)}
        )


_JITTER = timedelta(seconds=4)


def _steadied(window: Window, before: Window | None) -> Window:
    if before is None or before.resets_at is None or window.resets_at is None:
        return window
    if before.resets_at == window.resets_at or abs(before.resets_at - window.resets_at) > _JITTER:
        return window
    return window.model_copy(update={"resets_at": before.resets_at})
