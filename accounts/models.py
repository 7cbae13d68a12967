"""The companies we know and the people in them."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower

from accounts.codenames import Codename
from accounts.domain_triggers import domains_stand, show_domains
from accounts.domains import Domains, check_version, write_domains
from accounts.trees import check_tree
from crm import handbook
from crm.activities.covering import CONTACTS
from crm.core.keys import generated_key, key_of
from crm.core.linkedin import company_page, person_profile, sales_page
from crm.core.locks import hold
from crm.core.phones import PhoneKey
from crm.core.records import Record
from crm.core.searching import find, first_letters
from crm.core.text import Email, Line, Link, Paragraphs
from crm.core.triggers import tracked


def account_type_choices() -> list[tuple[str, str]]:
    """Types of account as the handbook names them."""
    return handbook.current().choices("account.types")


def rating_choices() -> list[tuple[str, str]]:
    """Ratings of an account as the handbook names them."""
    return handbook.current().choices("account.ratings")


def tier_choices() -> list[tuple[str, str]]:
    """Tiers of the product as the handbook names them."""
    return handbook.current().choices("account.tiers")


def press_approval_choices() -> list[tuple[str, str]]:
    """How a request to be named in the press stands, as the handbook names it."""
    return handbook.current().choices("account.press_approvals")


def health_choices() -> list[tuple[str, str]]:
    """How a customer is doing, as the handbook names it."""
    return handbook.current().choices("account.healths")


def payment_terms_choices() -> list[tuple[str, str]]:
    """When an invoice is to be paid, as the handbook names it."""
    return handbook.current().choices("contract.payment_terms")


def industry_choices() -> list[tuple[str, str]]:
    """Industries as the handbook names them."""
    return handbook.current().choices("industries")


def source_choices() -> list[tuple[str, str]]:
    """Lead sources as the handbook names them."""
    return handbook.current().choices("lead.sources")


def employees() -> models.PositiveIntegerField[Any, Any]:
    """A number of people; empty means unknown, never zero."""
    return models.PositiveIntegerField("employees", null=True, blank=True, validators=[MinValueValidator(1)])


class AccountQuerySet(models.QuerySet["Account"]):
    """Reads of accounts."""

    def search(self, term: str) -> Self:
        """Those that a term finds: in the name; two letters or fewer, at its beginning; a whole domain or phone."""

        def keyed(kind: str, key: str, entered: str) -> models.Q | None:
            column = {"domain": "domain_key", "phone": "phone_key", "linkedin": "linkedin_key"}.get(kind)
            made = RawSQL(key, [entered], output_field=models.TextField())  # noqa: S611 - SQL of our own
            if kind == "domain":
                # By ids, so that each of the two is looked up by its own index.
                of_rows = AccountDomain.objects.filter(key=made).values("account")
                by_website = Account.objects.filter(domain_key=made).values("pk")
                return models.Q(pk__in=by_website.union(of_rows, all=True))
            return models.Q(**{column: made}) if column else None

        return find(self, term, piece="name_key", starts=("name_key",), keyed=keyed)

    def at_domain(self, domain: str) -> Self:
        """Those whose people write from a domain: whose own it is (one at most), then by website, the oldest first."""
        key = key_of("domain_key", domain)
        own = models.Exists(AccountDomain.objects.filter(key=key, account=models.OuterRef("pk")))
        ids = AccountDomain.objects.filter(key=key).values("account")
        by_website = Account.objects.filter(domain_key=key).exclude(domain_key="").values("pk")
        return self.filter(pk__in=by_website.union(ids, all=True)).annotate(own=own).order_by("-own", "pk")


class Account(Record):
    """A company we sell to, might sell to, or work with."""

    name = Line(blank=False)
    name_key = generated_key("name_key", "name")
    # As somebody said it; what contracts say comes first (contracts.standing).
    type = Line("stated type", max_length=50, choices=account_type_choices)
    website = Link()
    domain_key = generated_key("domain_key", "website")
    domains = Domains(help_text="Beside the website's: those that their people write from, between commas.")
    linkedin_url = Link("LinkedIn company URL", validators=[company_page])
    linkedin_key = generated_key("linkedin_key", "linkedin_url")
    sales_navigator_url = Link("LinkedIn sales navigator URL", validators=[sales_page])
    linkedin_overlaps_url = Link("my LinkedIn overlaps")
    phone = Line(max_length=60)
    phone_key = PhoneKey(of="phone")
    industry = Line(max_length=50, choices=industry_choices)
    employees = employees()
    ciso_employees = models.PositiveIntegerField("CISO employees (#)", null=True, blank=True)
    rating = Line("account rating", max_length=50, choices=rating_choices)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, verbose_name="parent account", related_name="children"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="owned_accounts"
    )
    billing_street = Paragraphs("billing street", max_length=500)
    billing_city = Line("billing city")
    billing_state = Line("billing state or province")
    billing_postal_code = Line("billing postal code", max_length=40)
    billing_country = Line("billing country")
    shipping_street = Paragraphs("shipping street", max_length=500)
    shipping_city = Line("shipping city")
    shipping_state = Line("shipping state or province")
    shipping_postal_code = Line("shipping postal code", max_length=40)
    shipping_country = Line("shipping country")
    tier = Line(max_length=50, choices=tier_choices)
    license_key = Line("license key", max_length=2000)
    payment_terms = Line("payment terms", max_length=50, choices=payment_terms_choices)
    press_approval = Line("press approval", max_length=50, choices=press_approval_choices)
    press_approval_by = Line("press approval by", help_text="Who of theirs gave or refused it.")
    press_approval_on = models.DateField("press approval on", null=True, blank=True)
    nda_signed_on = models.DateField("Non-Disclosure Agreement (NDA) signed on", null=True, blank=True)
    codename = Codename(help_text="A minor planet's name, for a customer that wants to stay anonymous.")
    health = Line(max_length=50, choices=health_choices)
    health_note = Line("health note", max_length=500)
    health_on = models.DateField("health as of", null=True, blank=True)
    description = Paragraphs()
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(name=""),
                name="accounts_account_has_name",
                violation_error_message="An account needs a name.",
            ),
            models.CheckConstraint(
                condition=models.Q(parent__isnull=True) | ~models.Q(parent=models.F("id")),
                name="accounts_account_is_not_its_parent",
                violation_error_message="An account cannot be its own parent.",
            ),
            models.UniqueConstraint(
                Lower("codename"),
                name="accounts_account_codename_once",
                condition=~models.Q(codename=""),
                violation_error_message="Another account has this codename.",
            ),
        ]
        indexes = [
            models.Index(fields=["updated_at", "id"], name="accounts_account_by_change"),
            first_letters("name_key", "accounts_account_name_begins"),
            GinIndex(OpClass(models.F("name_key"), name="gin_trgm_ops"), name="accounts_account_like_name"),
            models.Index(fields=["domain_key"], name="accounts_account_by_domain"),
            models.Index(fields=["phone_key"], name="accounts_account_by_phone"),
            models.Index(fields=["linkedin_key"], name="accounts_account_by_linkedin"),
            models.Index(fields=["type", "-id"], name="accounts_account_by_type"),
            models.Index(fields=["-id"], name="accounts_account_with_health", condition=~models.Q(health="")),
        ]
        triggers = [*tracked(), *domains_stand()]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, the rows of its domains with it; a parent that is below it is refused, and another's domain.

        Raises:
            Refused: `circular_parent`, `domain_taken`; `Stale` as every record.
        """
        names = kwargs.get("update_fields")
        existed, text = not self._state.adding, self.domains
        with transaction.atomic():
            if existed and (names is None or "parent" in names):
                check_tree(self)
            if names is not None and "domains" in names:
                check_version(self)
                kwargs["update_fields"] = {*names} - {"domains"}
            super().save(*args, **kwargs)
            if (text or existed) and (names is None or "domains" in names):
                write_domains(self, text)
                self.refresh_from_db(fields=["domains", "version", "updated_at"])


class AccountDomain(Record):
    """A domain whose addresses are an account's; of one account only, so that a newcomer has one company."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="domain_rows")
    domain = Line(max_length=253, blank=False)
    key = generated_key("domain_key", "domain")

    class Meta:
        verbose_name = "domain"
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                name="accounts_domain_of_one_account",
                violation_error_message="This domain belongs to another account.",
            ),
            models.CheckConstraint(
                condition=~models.Q(key=""),
                name="accounts_domain_is_one",
                violation_error_message="A domain is written as “example.com”.",
            ),
        ]
        triggers = [*tracked(), *show_domains()]

    def __str__(self) -> str:
        return self.key or self.domain


class ContactQuerySet(models.QuerySet["Contact"]):
    """Reads of contacts."""

    def search(self, term: str) -> Self:
        """Those that a term finds: in name or email; two letters or fewer, at the beginning; a whole address."""
        starts = ("first_name", "last_name", "email_key", "personal_email_key")
        return find(self, term, piece="search", starts=starts, keyed=CONTACTS)


class Contact(Record):
    """A person in a company we know."""

    first_name = Line(max_length=100)
    last_name = Line(max_length=100)
    title = Line("job title")
    department = Line()
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="contacts")
    reports_to = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="reports")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="owned_contacts"
    )
    email = Email("email")
    email_key = generated_key("email_key", "email")
    personal_email = Email("personal email")
    personal_email_key = generated_key("email_key", "personal_email")
    phone = Line(max_length=60)
    phone_key = PhoneKey(of="phone")
    mobile = Line(max_length=60)
    mobile_key = PhoneKey(of="mobile")
    linkedin_url = Link("LinkedIn URL", validators=[person_profile])
    linkedin_key = generated_key("linkedin_key", "linkedin_url")
    website = Link()
    twitter_url = Link("Twitter")
    github_url = Link("GitHub")
    orbit_feed_url = Link("Orbit feed")
    is_champion = models.BooleanField("is champion", default=False)
    is_main_dri = models.BooleanField("main Directly Responsible Individual (DRI)", default=False)
    lead_source = Line("lead source", max_length=50, choices=source_choices)
    mailing_street = Paragraphs("street", max_length=500)
    mailing_city = Line("city")
    mailing_state = Line("state or province")
    mailing_postal_code = Line("postal code", max_length=40)
    mailing_country = Line("country")
    came_from = Line("where the details came from", editable=False)
    description = Paragraphs()
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)
    search = models.GeneratedField(
        expression=models.Func(
            *(models.F(name) for name in ("first_name", "last_name", "email", "personal_email")), function="search_text"
        ),
        output_field=models.TextField(),
        db_persist=True,
        editable=False,
    )

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(first_name="") | ~models.Q(last_name="") | ~models.Q(email=""),
                name="accounts_contact_has_name",
                violation_error_message="A contact needs a name or an email.",
            ),
            models.CheckConstraint(
                condition=models.Q(reports_to__isnull=True) | ~models.Q(reports_to=models.F("id")),
                name="accounts_contact_is_not_its_manager",
                violation_error_message="A contact cannot report to themselves.",
            ),
            models.UniqueConstraint(
                fields=["account"],
                name="accounts_contact_one_main_dri",
                condition=models.Q(is_main_dri=True),
                violation_error_message="The account has a main Directly Responsible Individual (DRI) already.",
            ),
        ]
        indexes = [
            models.Index(fields=["updated_at", "id"], name="accounts_contact_by_change"),
            models.Index(fields=["lead_source", "-id"], name="accounts_contact_by_source"),
            models.Index(fields=["linkedin_key"], name="accounts_contact_by_linkedin"),
            models.Index(fields=["phone_key"], name="accounts_contact_by_phone"),
            models.Index(fields=["mobile_key"], name="accounts_contact_by_mobile"),
            models.Index(Lower("last_name"), Lower("first_name"), name="accounts_contact_by_name"),
            GinIndex(OpClass(models.F("search"), name="gin_trgm_ops"), name="accounts_contact_search"),
            first_letters("first_name", "accounts_contact_first_begins"),
            first_letters("last_name", "accounts_contact_last_begins"),
            first_letters("email_key", "accounts_contact_email_begins"),
            first_letters("personal_email_key", "accounts_contact_own_begins"),
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def get_constraints(self) -> Any:
        """Those a form asks before saving: that an account has one main DRI is seen to by saving itself."""
        return [
            (kind, [one for one in constraints if one.name != "accounts_contact_one_main_dri"])
            for kind, constraints in super().get_constraints()
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new main DRI takes the place of the account's other one. Nobody reports to who reports to them.

        Raises:
            Refused: `circular_manager`; `Stale` as every record.
        """
        names = kwargs.get("update_fields")
        with transaction.atomic():
            if not self._state.adding and (names is None or "reports_to" in names):
                check_tree(self)
            if names is not None and "account" in names and "is_main_dri" not in names and self.is_main_dri:
                # Of another company they are not the main one by having been it here.
                self.is_main_dri, kwargs["update_fields"] = False, {*names, "is_main_dri"}
            elif self.is_main_dri and self.account_id and (names is None or "is_main_dri" in names):
                hold(("main_dri", str(self.account_id)))
                others = type(self).objects.filter(account=self.account_id, is_main_dri=True)
                others.exclude(pk=self.pk).update(is_main_dri=False)
            super().save(*args, **kwargs)


class DriChange(Record):
    """A customer's champion changed (C18): what is done then, one thing after another, until all of it is."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="dri_changes")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="dri_changes", verbose_name="new champion")
    started_at = models.DateTimeField("started")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="dri_changes")
    closed_at = models.DateTimeField("closed", null=True, blank=True)

    class Meta:
        verbose_name = "Directly Responsible Individual (DRI) change"
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                name="accounts_dri_change_one_open",
                condition=models.Q(closed_at=None),
                violation_error_message="A change of the champion is under way already.",
            )
        ]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.contact} is the new champion of {self.account}"


class DriChangeStep(Record):
    """One thing that was done of it; `key` is the handbook's."""

    change = models.ForeignKey(DriChange, models.CASCADE, related_name="steps")
    key = Line(max_length=50, blank=False)
    done_at = models.DateTimeField()
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="dri_change_steps")
    note = Line(max_length=500)

    class Meta:
        verbose_name = "step of a Directly Responsible Individual (DRI) change"
        constraints = [models.UniqueConstraint(fields=["change", "key"], name="accounts_dri_change_step_once")]
        triggers = tracked()

    def __str__(self) -> str:
        return handbook.current().label("account.dri_change", self.key)
