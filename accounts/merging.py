"""How accounts and contacts are merged: whose domains, trees and champions they have afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accounts.matching import SHARED_HOSTS, name_stem
from accounts.models import Account, AccountDomain, Contact
from accounts.selectors import account_candidates
from accounts.trees import TREE, is_below
from crm import handbook
from crm.activities.models import SuppressedKey
from crm.activities.naming import Named
from crm.activities.suppressing import fit
from crm.duplicates.kinds import Merge, Mergeable, register

Kind = SuppressedKey.Kind
PARTS = ("street", "city", "state", "postal_code", "country")


def account_keys(accounts: Sequence[Any]) -> Iterable[tuple[str, str]]:
    """What a conversion holds of these companies, and the tree that they stand in."""
    yield TREE, "account"
    for account in accounts:
        yield from (("domain", account.domain_key), ("account_name", account.name_key))
    for key in AccountDomain.objects.filter(account__in=accounts).values_list("key", flat=True):
        yield "domain", key


def no_domains() -> Mapping[str, Iterable[str]]:
    """Domains that name no company."""
    return {"domain": {*handbook.current().company.free_mail, *SHARED_HOSTS}}


def similar_accounts(name: str, most: int) -> list[Account]:
    """Accounts of the same or a similar name."""
    return [one.record for one in account_candidates(domain="", name=name, most=most)]


def account_named(account: Any, scope: str) -> list[Named]:
    """What a suppression of this scope holds on to of a company: its domain, where it is its own."""
    domain = account.domain_key
    shared = domain in SHARED_HOSTS or domain in handbook.current().company.free_mail
    return [Named(Kind.DOMAIN, account.website, domain)] if scope == "domain" and "." in domain and not shared else []


def after_accounts(merge: Merge) -> None:
    """The domains of all of them are the survivor's; its parent is one that is not below it."""
    account = merge.survivor
    keys = [record.domain_key for record in merge.records]
    known = set(AccountDomain.objects.filter(key__in=keys).values_list("key", flat=True))
    website = merge.values.get("website", account.website)
    apart = {account.domain_key} if website == account.website else set()
    apart |= {other.domain_key for other in merge.others if other.website == website}
    for other in [account, *merge.others]:
        key = other.domain_key
        if "." not in key or key in known | apart | SHARED_HOSTS or key in handbook.current().company.free_mail:
            continue
        AccountDomain.objects.create(account=account, domain=key)
        known.add(key)
    # The rows were turned to the survivor: its text is their union, whichever was chosen, and is a version of its own.
    merge.values.pop("domains", None)
    account.refresh_from_db(fields=["domains", "version", "updated_at"])
    _settle_above(merge, "parent")


def _settle_above(merge: Merge, link: str) -> None:
    """The chosen one above the survivor, unless that is one of the merged or stands below: then another's, or none."""
    column = f"{link}_id"
    gone = {record.pk for record in merge.records if type(record) is type(merge.survivor)}
    wanted = merge.values.get(link, getattr(merge.survivor, column))
    offers = [wanted, *(getattr(record, column, None) for record in merge.records)]
    fits = (
        above
        for above in offers
        if above is not None and above not in gone and not is_below(type(merge.survivor), merge.survivor.pk, above)
    )
    merge.values[link] = next(fits, None) if wanted is not None else None


def close_second_change(stays: Any, clashes: Any, merge: Merge) -> None:
    """One change of the champion is under way at a time: the survivor's goes on."""
    clashes.closed_at = merge.at
    clashes.save(update_fields=["closed_at"])
    merge.notes.append(f"A second change of the champion was closed: {clashes.contact}.")


def one_main(stays: Any, clashes: Any, merge: Merge) -> None:
    """An account has one main DRI: the survivor's."""
    clashes.is_main_dri = False
    clashes.save(update_fields=["is_main_dri"])
    merge.notes.append(f"{stays} stays the main Directly Responsible Individual (DRI); {clashes} was it, too.")


register(
    Mergeable(
        Account,
        evidence={"domain": ("domain_key",), "linkedin": ("linkedin_key",), "phone": ("phone_key",)},
        together={
            "Billing address": tuple(f"billing_{part}" for part in PARTS),
            "Shipping address": tuple(f"shipping_{part}" for part in PARTS),
            "Press approval": ("press_approval", "press_approval_by", "press_approval_on"),
            "Health": ("health", "health_note", "health_on"),
        },
        # What its rows say: they are united.
        aside=frozenset({"domains"}),
        more_evidence={"domain": "SELECT d.account_id AS id, d.key FROM accounts_accountdomain d"},
        no_evidence=no_domains,
        stem=name_stem,
        alike=similar_accounts,
        holds=account_keys,
        named=account_named,
        after=after_accounts,
        clashes={
            "accounts_contact_one_main_dri": one_main,
            "accounts_dri_change_one_open": close_second_change,
        },
    )
)


# --- contacts ---------------------------------------------------------------------------------------------------------


def contact_keys(contacts: Sequence[Any]) -> Iterable[tuple[str, str]]:
    """What a conversion holds of these people, and the tree that they stand in."""
    yield TREE, "contact"
    for contact in contacts:
        yield from (("email", contact.email_key), ("email", contact.personal_email_key))
        yield "linkedin", contact.linkedin_key


def addresses_of(person: Any, second: str) -> list[Named]:
    """What a contact or a lead is reached by; `second` is the field of their other email."""
    fields = ((Kind.EMAIL, "email"), (Kind.EMAIL, second), (Kind.LINKEDIN, "linkedin_url"))
    return [
        Named(kind, getattr(person, field), key)
        for kind, field in (*fields, (Kind.PHONE, "phone"), (Kind.PHONE, "mobile"))
        if (key := getattr(person, f"{field.removesuffix('_url')}_key"))
    ]


def contact_named(contact: Any, scope: str) -> list[Named]:
    """What a suppression of this scope holds on to of a person."""
    own = addresses_of(contact, "personal_email")
    # Of a whole company that asked, this person's own addresses: the company may be another now.
    return own if scope == "domain" else fit(own, scope)


def after_contacts(merge: Merge) -> None:
    """Nobody reports to themselves; an account keeps one main DRI."""
    contact = merge.survivor
    _settle_above(merge, "reports_to")
    account = merge.values.get("account", contact.account_id)
    if merge.values.get("is_main_dri") and account is not None:
        another = Contact.objects.filter(account=account, is_main_dri=True).exclude(pk=contact.pk).first()
        if another is not None:
            merge.values["is_main_dri"] = False
            merge.notes.append(
                f"{another} is the main Directly Responsible Individual (DRI) of the account and stays it."
            )


register(
    Mergeable(
        Contact,
        evidence={
            "email": ("email_key", "personal_email_key"),
            "linkedin": ("linkedin_key",),
            "phone": ("phone_key", "mobile_key"),
        },
        together={"Mailing address": tuple(f"mailing_{part}" for part in PARTS)},
        name_key="CASE WHEN r.first_name <> '' AND r.last_name <> '' AND r.account_id IS NOT NULL"
        " THEN lower(r.first_name || ' ' || r.last_name) || ', ' || r.account_id ELSE '' END",
        spare={"personal_email": "email"},
        holds=contact_keys,
        named=contact_named,
        after=after_contacts,
    )
)
