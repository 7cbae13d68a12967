"""How the admin looks: names, colours and files for django-unfold. Settings read it; it reads nothing."""

from __future__ import annotations

from typing import Any

# A calm blue-green; hues close to the greys, so that colour is kept for what asks for attention.
PRIMARY = {
    "50": "oklch(97.9% .013 205)",
    "100": "oklch(94.8% .03 205)",
    "200": "oklch(90% .05 206)",
    "300": "oklch(83% .075 208)",
    "400": "oklch(73% .1 212)",
    "500": "oklch(62% .105 217)",
    "600": "oklch(51% .092 222)",
    "700": "oklch(44.5% .078 224)",
    "800": "oklch(39% .064 225)",
    "900": "oklch(34% .052 226)",
    "950": "oklch(26% .042 228)",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Plumb",
    "SITE_HEADER": "Plumb",
    "SITE_URL": None,
    "SITE_LOGO": {"light": "crm.navigation.logo_light", "dark": "crm.navigation.logo_dark"},
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "crm.navigation.favicon"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": PRIMARY},
    "STYLES": ["crm.navigation.styles"],
    "SCRIPTS": ["crm.navigation.script", "crm.navigation.countdown"],
    "LOGIN": {"form": "crm.people.forms.LoginForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Your profile", "link": "crm.navigation.profile"},
            {"title": "Change password", "link": "crm.navigation.change_password"},
        ]
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "crm.navigation.sidebar"},
}
