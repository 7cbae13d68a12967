"""The people who use Plumb, and the teams they work in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from crm import handbook
from crm.core.keys import generated_key, key_of
from crm.core.permissions import may
from crm.core.records import Record
from crm.core.text import Email, Line
from crm.core.triggers import tracked

SYSTEM_EMAIL = "plumb@service.invalid"


def role_choices() -> list[tuple[str, str]]:
    """Roles as the handbook names them."""
    return handbook.current().choices("roles")


class Team(Record):
    """People who work the same records: each may edit what another of the team owns."""

    name = Line(blank=False, unique=True)
    manager = models.ForeignKey(
        "people.User", models.PROTECT, null=True, blank=True, related_name="managed_teams", help_text="Who is told."
    )

    class Meta:
        ordering = [Lower("name")]
        triggers = tracked()

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Makes users; an e-mail address names one whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Make a user; without a password they cannot log in until one is set."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Make an administrator (Django's `createsuperuser` calls this)."""
        return self.create_user(email, password, role=handbook.current().roles_with("administrator")[0].key, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email_key=key_of("email_key", username or ""))

    def system(self) -> User:
        """The service account that works when no person does: beat's tasks and commands without `--as`."""
        return self.get(email=SYSTEM_EMAIL)

    def active_people(self) -> models.QuerySet[User]:
        """Those a record can be given to."""
        return self.filter(is_active=True, is_service=False)

    def to_choose(self, *, at: datetime) -> models.QuerySet[User]:
        """Those a record can be given to; `away_until` is the last day away of who is away at this moment."""
        away = (
            Absence.objects.on(handbook.current().today(at)).filter(user=models.OuterRef("pk")).values("last_day")[:1]
        )
        return self.active_people().annotate(away_until=models.Subquery(away))

    def present(self, day: date) -> models.QuerySet[User]:
        """Active people who are not away on that day of the company's calendar."""
        return self.active_people().exclude(pk__in=Absence.objects.on(day).values("user"))


class User(AbstractBaseUser, Record):  # type: ignore[django-manager-missing]
    """Somebody who works in Plumb, or a program that does (`is_service`). Never deleted: deactivated."""

    email = Email("email", blank=False)
    email_key = generated_key("email_key", "email")
    first_name = Line("first name", max_length=100)
    last_name = Line("last name", max_length=100)
    role = Line("role", max_length=50, blank=False, choices=role_choices)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="members")
    zone = Line("time zone", max_length=64, help_text="Empty: the company's.")
    is_service = models.BooleanField("service account", default=False, help_text="A program, which cannot log in here.")
    is_active = models.BooleanField("active", default=True, help_text="Users are deactivated, never deleted.")
    kept = models.JSONField("kept import values", default=dict, blank=True, editable=False)
    sessions_ended = models.PositiveIntegerField(default=0, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = [Lower("first_name"), Lower("last_name"), "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["email_key"],
                name="people_user_email_once",
                violation_error_message="Somebody has this email address already.",
            )
        ]
        triggers = tracked(unlogged=("password", "last_login", "sessions_ended"))

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must know: it ends with the password, and with each deactivation for good."""
        known = f"{self.password}:{self.sessions_ended}"
        return salted_hmac("crm.people.session", known, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        """The name as Django's templates ask for it."""
        return str(self)

    def get_short_name(self) -> str:
        """The first name, or the address when there is none."""
        return self.first_name or self.email

    @property
    def rights(self) -> str:
        """What the role allows: standard, manager, administrator or service; a role that left the handbook, nothing."""
        return next((role.rights for role in handbook.current().roles if role.key == self.role), "")

    @property
    def is_staff(self) -> bool:
        """Whether they may use the admin: every active person, no program."""
        return self.is_active and not self.is_service and bool(self.rights)

    @property
    def is_manager(self) -> bool:
        """Whether they have a manager's rights (administrators do)."""
        return self.rights in ("manager", "administrator")

    @property
    def is_administrator(self) -> bool:
        """Whether they run setup."""
        return self.rights == "administrator"

    # Django and the admin ask in Django's words ("leads.change_lead"); the answer is may()'s.
    @property
    def is_superuser(self) -> bool:
        return False

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        """Django's question, answered by `may`."""
        from django.apps import apps

        app_label, _, codename = perm.partition(".")
        verb, _, model_name = codename.partition("_")
        try:
            kind = apps.get_model(app_label, model_name)
        except LookupError:
            return False
        return may(self, verb, obj if isinstance(obj, kind) else kind)

    def has_perms(self, perm_list: Any, obj: models.Model | None = None) -> bool:
        """Whether they have every one."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether anything of this app is theirs to see."""
        from django.apps import apps

        return any(may(self, "view", kind) for kind in apps.get_app_config(app_label).get_models())

    def get_all_permissions(self, obj: models.Model | None = None) -> set[str]:
        """Asked for by templates; rights are not a list here, they are answers."""
        return set()


class AbsenceQuerySet(models.QuerySet["Absence"]):
    """Reads of absences."""

    def on(self, day: date) -> Self:
        """Those that cover a day of the company's calendar."""
        return self.filter(first_day__lte=day, last_day__gte=day)


class Absence(Record):
    """Days on which somebody is not at work: they get no new leads, and who stands in for them is told instead."""

    user = models.ForeignKey(User, models.PROTECT, related_name="absences")
    first_day = models.DateField("first day")
    last_day = models.DateField("last day", help_text="The last day away, not the first day back.")
    stand_in = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="stands_in", help_text="Empty: the team's manager."
    )
    note = Line()

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        ordering = ["-first_day", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last_day__gte=models.F("first_day")),
                name="people_absence_ends_after_it_starts",
                violation_error_message="The last day away is not before the first.",
            ),
            models.CheckConstraint(
                condition=models.Q(stand_in__isnull=True) | ~models.Q(stand_in=models.F("user")),
                name="people_absence_has_another_stand_in",
                violation_error_message="Somebody else stands in.",
            ),
            ExclusionConstraint(
                name="people_absence_does_not_overlap",
                expressions=[
                    (models.F("user"), RangeOperators.EQUAL),
                    (
                        models.Func(
                            "first_day",
                            "last_day",
                            models.Value("[]"),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                # Without it the range itself would fail, in other words.
                condition=models.Q(last_day__gte=models.F("first_day")),
                violation_error_message="They are away on some of these days already: change that absence instead.",
            ),
        ]
        indexes = [models.Index(fields=["last_day", "first_day"], name="people_absence_by_day")]
        triggers = tracked()

    def __str__(self) -> str:
        return f"{self.user}, {self.first_day} to {self.last_day}"


class Turn(models.Model):
    """Whose turn it is to get a lead: everybody's last one in a pool, as a number that only rises."""

    pool = Line(max_length=100, blank=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="turns")
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "user"], name="people_turn_once")]

    def __str__(self) -> str:
        return f"{self.pool}: {self.user}"
