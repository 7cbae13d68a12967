"""The page that explains a response time, in a real browser: in light and dark, on a telephone, without scripts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from playwright.sync_api import expect

from crm.clocks.services import pause_clock, resume_clock
from crm.people.models import User
from tests.browser.conftest import OpenPage, Watch, shot, stay_logged_in
from tests.clocks.clocks import about, make_clock

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HOUR = timedelta(hours=1)
# The eve of Thanksgiving of last year, half past three in Los Angeles.
EVE = datetime(2025, 11, 26, 23, 30, tzinfo=UTC)
SIDEWAYS = "document.documentElement.scrollWidth <= window.innerWidth"
CUT = "[...document.querySelectorAll('.ex-scroll')].filter(one => one.scrollWidth > one.clientWidth).length"


def test_it_explains_a_limit_over_thanksgiving_and_what_was_held_up(
    alice: User, open_page: OpenPage, watch: Watch
) -> None:
    clock = make_clock("support", priority="p3", segment="customer", tier="premium", started_at=EVE, at=EVE)
    with transaction.atomic():
        pause_clock(clock, by=alice, reason="Waiting for details from them", at=EVE + 40 * HOUR)
        resume_clock(clock, by=alice, at=EVE + 44 * HOUR)
    with about(alice, alice.team) as special:
        assert special == {}
        page = open_page(timezone_id="America/Los_Angeles")
        stay_logged_in(page, alice)
        page.goto(f"{watch.home}/admin/clocks/clock/{clock.pk}/explain/")
        expect(page.locator("[data-verdict=breached]")).to_have_text("Breached")
        expect(page.get_by_role("img", name="counted")).to_be_visible()
        expect(page.get_by_text("Support P3: 2 business days")).to_be_visible()
        for words in ("Thanksgiving", "Weekend", "Held up", "Waiting for details from them"):
            expect(page.get_by_role("cell", name=words).first).to_be_visible()
        # As much of the drawing is counted as the table says.
        widths = "[...document.querySelectorAll('.ex-counted')].map(bar => parseFloat(bar.getAttribute('width')))"
        assert 10 < sum(page.evaluate(widths)) < 30
        assert page.evaluate(SIDEWAYS)
        shot(page, "explain_light")
        page.set_viewport_size({"width": 390, "height": 900})
        assert page.evaluate(SIDEWAYS)
        shot(page, "explain_narrow")
        assert page.evaluate(CUT) == 0, "on a telephone every table is seen as a whole"
        User.objects.filter(pk=alice.pk).update(zone="Europe/Berlin")
        dark = open_page(color_scheme="dark")
        stay_logged_in(dark, alice)
        chat = make_clock(started_at=datetime(2026, 3, 6, 23, 30, tzinfo=UTC))
        dark.goto(f"{watch.home}/admin/clocks/clock/{chat.pk}/explain/")
        expect(dark.get_by_text("counted by the clock, nights and weekends too")).to_be_visible()
        shot(dark, "explain_dark")
        dark.set_viewport_size({"width": 390, "height": 900})
        expect(dark.get_by_role("columnheader", name="Europe/Berlin America/Los Angeles").first).to_be_visible()
        shot(dark, "explain_narrow_dark")
        assert dark.evaluate(CUT) == 0, "with two zones too"
    assert watch.elsewhere == []
    assert watch.errors == []


def test_it_needs_no_script(alice: User, open_page: OpenPage, watch: Watch) -> None:
    with transaction.atomic():
        clock = make_clock(started_at=EVE)
    with about(alice, alice.team):
        page = open_page()
        stay_logged_in(page, alice)
        plain = open_page(java_script_enabled=False, storage_state=page.context.storage_state())
        plain.goto(f"{watch.home}/admin/clocks/clock/{clock.pk}/explain/")
        expect(plain.locator("[data-section=time] tbody tr")).to_have_count(2)
        expect(plain.locator("svg.ex-line rect")).to_have_count(2)
