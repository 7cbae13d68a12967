"""The public form in a real browser: without script, on a phone, in the dark, by keyboard; and a company's own page."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from crm.enquiries.models import Enquiry
from tests.browser.conftest import OpenPage, Watch, shot

pytestmark = pytest.mark.django_db(transaction=True)


def fill(page: Any, **values: str) -> None:
    """Enter something into the fields of these labels."""
    for label, value in values.items():
        page.get_by_label({"linkedin": "LinkedIn profile URL"}.get(label, label.capitalize()), exact=True).fill(value)


def test_somebody_writes_to_us_without_script_or_cookie(open_page: OpenPage, watch: Watch, live_server: Any) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{live_server.url}/enquire/")
    shot(page, "enquire-light")
    page.get_by_label("What is it about?").select_option(label="Information request")
    fill(page, name="Nia Park", company="Hooli", email="nia@hooli.example", message="Do you support Windows?")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/enquire/received/")
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    shot(page, "enquire-received")
    assert page.context.cookies() == []
    page.reload()
    enquiry = Enquiry.objects.get()
    assert (enquiry.channel, enquiry.came_by, enquiry.email) == ("information_request", "form", "nia@hooli.example")
    assert (watch.elsewhere, watch.errors) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_wrong_is_told_first_and_beside_its_field(
    scheme: str, open_page: OpenPage, watch: Watch, live_server: Any
) -> None:
    page = open_page(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}/enquire/?channel=talk_to_expert")
    expect(page.get_by_role("heading", level=1)).to_have_text("Talk to an expert")
    shot(page, f"enquire-phone-{scheme}")
    fill(page, name="Nia Park", email="nia at hooli", linkedin="linkedin.com/company/hooli", message="Hello")
    page.get_by_label("Message").press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Send"  # the trap is out of the way
    page.keyboard.press("Enter")
    summary = page.get_by_role("alert")
    summary.wait_for()
    shot(page, f"enquire-wrong-{scheme}")
    assert page.evaluate("document.activeElement.className") == "summary"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id || location.hash") in ("email", "#email")
    email = page.get_by_label("Email", exact=True)
    assert email.get_attribute("aria-invalid") == "true"
    expect(page.locator("#email-error")).to_contain_text("valid email address")
    assert (email.input_value(), page.get_by_label("Message").input_value()) == ("nia at hooli", "Hello")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    email.fill("nia@hooli.example")
    fill(page, linkedin="")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/enquire/received/")
    assert Enquiry.objects.get().channel == "talk_to_expert"
    assert watch.elsewhere == []


def test_people_neither_see_nor_reach_the_field_for_programs(open_page: OpenPage, live_server: Any) -> None:
    page = open_page()
    page.goto(f"{live_server.url}/enquire/")
    box = page.locator("#website").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] < 0
    seen = []
    page.keyboard.press("Tab")
    while (name := page.evaluate("document.activeElement.id || document.activeElement.tagName")) != "BODY":
        seen.append(name)
        page.keyboard.press("Tab")
        assert len(seen) < 20
    assert seen[:7] == ["channel", "name", "company", "email", "phone", "linkedin_url", "message"]
    assert "website" not in seen


def test_a_page_of_the_company_s_own_sends_its_own_form(open_page: OpenPage, live_server: Any) -> None:
    page = open_page()
    # From another origin altogether, as their own site is.
    page.route(
        "http://www.hooli.example/contact",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{live_server.url}/enquire/?channel=contact_form">'
            '<input name="name" value="Nia Park"><input name="email" value="nia@hooli.example">'
            '<textarea name="message">Hello</textarea><button>Go</button></form>',
        ),
    )
    page.goto("http://www.hooli.example/contact")
    page.get_by_role("button", name="Go").click()
    page.wait_for_url("**/enquire/received/")
    assert Enquiry.objects.get().name == "Nia Park"
