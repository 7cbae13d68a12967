"""When two company names are the same company: plain rules without a database."""

from __future__ import annotations

import re
import unicodedata

# Legal forms say how a company is registered, not which one it is.
LEGAL_FORMS = frozenset(
    (
        "ab ag as bv co company corp corporation gmbh inc incorporated kg limited llc llp ltd nv oy plc pte pty sa "
        "sarl se spa srl"
    ).split()
)

# Many companies have a page there; the host names none of them.
SHARED_HOSTS = frozenset(
    (
        "facebook.com github.com github.io google.com instagram.com linkedin.com sites.google.com twitter.com x.com "
        "xing.com youtube.com"
    ).split()
)


def name_stem(name: str) -> str:
    """The name without case, accents, punctuation, a leading "the" and trailing legal forms: "The Acme, Inc." is
    "acme". A name of nothing but legal forms is kept whole."""
    folded = "".join(c for c in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(c))
    words = re.findall(r"[^\W_]+", folded)
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    kept = list(words)
    while len(kept) > 1 and kept[-1] in LEGAL_FORMS:
        kept.pop()
    return " ".join(kept)


def email_domain(email: str, free_mail: frozenset[str] | set[str]) -> str:
    """The domain of a company's address; empty for an address at a free mail provider, which names no company."""
    domain = email.rpartition("@")[2].strip().rstrip(".").lower()
    return "" if domain in free_mail else domain
