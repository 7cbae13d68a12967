"""How a label is written (L15): sentence case, proper nouns as they are, acronyms expanded where they first appear."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache


class Wording:
    """The company's proper nouns and acronyms, and the form they give a label.

    A word listed as a proper noun is spelled as listed and needs no expansion, so an acronym that every reader knows
    (URL) may stand in both lists: there for its meaning, here because it may appear alone.
    """

    def __init__(self, proper_nouns: Iterable[str], acronyms: Mapping[str, str]) -> None:
        self.acronyms = dict(acronyms)
        self._proper_nouns = {noun.casefold(): noun for noun in proper_nouns}
        self._short = {short.casefold(): short for short in acronyms}
        self._tokens = _tokens(tuple(self.acronyms.items()), tuple(self._proper_nouns.values()))

    def corrected(self, label: str, introduced: set[str] | None = None) -> str:
        """The label as L15 wants it; equal to `label` when there is nothing to correct.

        `introduced` holds the acronyms whose expansion the reader has met already, and gains those met in this label.
        Without it every acronym counts as met before.
        """
        met = set(self.acronyms) if introduced is None else introduced
        parts: list[str] = []
        end = 0
        for token in self._tokens.finditer(label):
            parts += [label[end : token.start()], self._spelled(token, met, first=token.start() == 0)]
            end = token.end()
        return "".join([*parts, label[end:]])

    def _spelled(self, token: re.Match[str], met: set[str], *, first: bool) -> str:
        text = token[0]
        if token.lastgroup is not None:
            short = list(self.acronyms)[int(token.lastgroup.removeprefix("expanded_"))]
            met.add(short)
            return self._expansion(short, plural=text.endswith("s)"))
        if (noun := self._proper_nouns.get(text.casefold())) is not None:
            return noun
        plural = text.endswith("s") and text[:-1].casefold() in self._short
        acronym = self._short.get(text[:-1].casefold() if plural else text.casefold())
        if acronym in met:
            return f"{acronym}s" if plural else acronym
        if acronym is not None:
            met.add(acronym)
            return self._expansion(acronym, plural=plural)
        return text[:1].upper() + text[1:].lower() if first else text.lower()

    def _expansion(self, short: str, *, plural: bool) -> str:
        ending = "s" if plural else ""
        return f"{self.acronyms[short]}{ending} ({short}{ending})"


@lru_cache(maxsize=8)
def _tokens(acronyms: tuple[tuple[str, str], ...], proper_nouns: tuple[str, ...]) -> re.Pattern[str]:
    """Longest first: "Sales Development Representative (SDR)" is one token, not three words and an acronym.

    Kept, because every label of every page is written by it.
    """
    expansions = [
        rf"(?P<expanded_{number}>\b{re.escape(words)}s?\s+\({re.escape(short)}s?\))"
        for number, (short, words) in enumerate(acronyms)
    ]
    nouns = sorted(map(re.escape, proper_nouns), key=len, reverse=True)
    known = [*expansions, *(rf"\b{noun}(?!\w)" for noun in nouns), r"[^\W_]+(?:['’][^\W_]+)*"]
    return re.compile("|".join(known), re.IGNORECASE)
