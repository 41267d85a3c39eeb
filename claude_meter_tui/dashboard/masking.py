"""The view without names: whose accounts, organizations, projects and sessions they are is not for others to see.

Names are masked in what is drawn from, not in what was drawn, so that a cut or wrapped name is masked too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.domain.light_reading import altered

if TYPE_CHECKING:
    from claude_meter_tui.dashboard.view import Earlier, View
    from claude_meter_tui.polling.state import MeterState


def masked(view: View) -> View:
    """The same figures under `account 1`, `project 1`; no notice or path that could hold a name."""
    states = view.accounts or (view.state,)
    return view._replace(
        state=_masked(view.state, view.account),
        accounts=tuple(_masked(state, number) for number, state in enumerate(states)) if view.accounts else (),
        flash="",
        filter="",
        earlier=None if view.earlier is None else _without_names(view.earlier),
    )


def _without_names(earlier: Earlier) -> Earlier:
    if earlier.spent is None:
        return earlier
    spent = {
        group: tuple(
            each if group == "model" else each._replace(name=f"{group} {number}") for number, each in enumerate(rows, 1)
        )
        for group, rows in earlier.spent.items()
    }
    return earlier._replace(spent=spent)


def _masked(state: MeterState, number: int) -> MeterState:
    reading, trouble = state.reading, state.trouble
    if reading is not None:
        account = reading.account
        name = None if account.email is None else f"account {number + 1}"
        reading = altered(reading, account=altered(account, email=name, organization_uuid=None))
    return state._replace(
        reading=reading,
        trouble=None if trouble is None else trouble._replace(sentence=f"{trouble.phase.value}.", hint=""),
        notice="",
        looked=(),
    )
