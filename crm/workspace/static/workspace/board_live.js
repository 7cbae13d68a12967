// A board kept as it is for everybody: asked every few seconds, while it is looked at, whether anything changed; answered
// with nothing most times. What changed is put in without taking the focus, a dialog or a card that is carried away.
(() => {
  "use strict";

  const it = window.plumbBoard;
  if (!it) return;
  const { board, frame } = it;
  const EVERY = 2500; // milliseconds between two questions
  const AFRESH = 60_000; // milliseconds after which even what hangs on other records is drawn anew
  const PATIENCE = 10_000; // milliseconds for an answer
  let tag = frame.dataset.tag;
  let fresh = Date.now();
  let timer = 0;
  let asking = false;
  let again = false;
  let failed = 0;
  let over = false;

  // --- asking -------------------------------------------------------------------------------------------------------

  function address(extra = {}) {
    const url = new URL(frame.dataset.live, location.href);
    for (const column of it.columns()) {
      const last = it.cards(column).filter((card) => !card.hasAttribute("aria-busy")).at(-1);
      if (last) url.searchParams.append("upto", `${column.dataset.column}:${last.dataset.place}`);
    }
    for (const [name, value] of Object.entries(extra)) url.searchParams.set(name, value);
    return url;
  }

  async function ask() {
    clearTimeout(timer);
    if (over || document.hidden) return;
    if (asking || it.busy()) {
      again = again || asking;
      if (!asking) timer = setTimeout(ask, 500);
      return;
    }
    asking = true;
    const { turn } = it;
    const afresh = Date.now() - fresh > AFRESH;
    const headers = tag && !afresh ? { "If-None-Match": tag } : {};
    try {
      const answer = await fetch(address(), { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.redirected || answer.status === 403) return stop("You are not logged in any more. Load the page anew.");
      if (answer.status === 400) return stop("What this board shows is gone. Load the page anew.");
      if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
      const text = answer.status === 304 ? "" : await answer.text();
      // What was asked before a card was picked up or put down may be out of date: it is asked again.
      const late = Boolean(text) && (it.busy() || it.turn !== turn);
      if (text && !late) adopt(text);
      if (late) again = true;
      else tag = answer.headers.get("ETag") ?? "";
      if (afresh) fresh = Date.now();
      if (failed >= 3) it.say("Connected again.");
      failed = 0;
    } catch {
      failed += 1;
      if (failed === 3) it.say("The server does not answer: the board shows how things stood a moment ago.", { bad: true });
    } finally {
      asking = false;
      if (!over) timer = setTimeout(ask, again ? 50 : failed ? Math.min(EVERY * (failed + 1), 20_000) : EVERY);
      again = false;
    }
  }

  function stop(words) {
    over = true;
    it.say(words, { bad: true });
  }

  it.refresh = ask;
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  timer = setTimeout(ask, EVERY);

  // --- taking over what changed -------------------------------------------------------------------------------------

  const parsed = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html;
    return box.content;
  };
  // What the server sent of a card, without what scripts have made of it since.
  const { sources } = it;
  const skipBusy = (card) => { while (card?.hasAttribute("aria-busy")) card = card.nextElementSibling; return card; };

  function adopt(html) {
    const focus = focused();
    const before = whereabouts();
    const wanted = parsed(html);
    const came = [];
    for (const fresh of wanted.querySelectorAll("[data-column]")) {
      let column = it.columns().find((one) => one.dataset.column === fresh.dataset.column);
      if (!column) {
        column = fresh.cloneNode(true);
        column.querySelector("[data-cards]").replaceChildren();
        board.append(column);
      }
      column.dataset.count = fresh.dataset.count;
      for (const part of ["header", "footer"]) {
        const [old, now] = [column.querySelector(part), fresh.querySelector(part)];
        if (old.innerHTML !== now.innerHTML) old.innerHTML = now.innerHTML;
      }
      fill(column, [...fresh.querySelectorAll("[data-record]")], came);
    }
    const stay = new Set([...wanted.querySelectorAll("[data-record]")].map((card) => card.dataset.record));
    for (const card of board.querySelectorAll("[data-record]:not([aria-busy])")) if (!stay.has(card.dataset.record)) card.remove();
    const known = new Set([...wanted.querySelectorAll("[data-column]")].map((one) => one.dataset.column));
    for (const column of it.columns()) if (!known.has(column.dataset.column)) column.remove();
    for (const column of it.columns()) {
      const list = column.querySelector("[data-cards]");
      list.hidden = !list.children.length;
    }
    const count = document.querySelector('[data-section="count"]');
    if (count) count.textContent = wanted.querySelector("[data-all]").textContent;
    it.ready();
    restore(focus);
    tell(before, came);
  }

  function fill(column, cards, came) {
    const list = column.querySelector("[data-cards]");
    let after = null;
    for (const fresh of cards) {
      const source = fresh.outerHTML;
      let card = it.card(fresh.dataset.record);
      if (card?.hasAttribute("aria-busy")) continue;
      const moved = Boolean(card) && card.parentElement !== list;
      if (!card || sources.get(card) !== source) {
        const now = document.importNode(fresh, true);
        sources.set(now, source);
        if (card) {
          now.tabIndex = card.tabIndex;
          card.replaceWith(now);
        }
        if (!card || moved) came.push(now);
        card = now;
      } else if (moved) {
        came.push(card);
      }
      const next = skipBusy(after ? after.nextElementSibling : list.firstElementChild);
      if (card !== next) list.insertBefore(card, next);
      after = card;
    }
  }

  const whereabouts = () => new Map([...board.querySelectorAll("[data-record]")].map((card) => [card.dataset.record, it.columnOf(card)]));

  // Other people's moves are said; one's own was said already.
  function tell(before, came) {
    const others = came.filter((card) => before.has(card.dataset.record) && Number(card.dataset.record) !== it.own);
    it.own = null;
    for (const card of came) {
      card.classList.add("plumb-board-came");
      setTimeout(() => card.classList.remove("plumb-board-came"), 2500);
    }
    if (others.length > 3) it.announce(`${others.length} cards were moved by others.`);
    else if (others.length) it.announce(others.map((card) => `${it.named(card)} is in ${it.label(it.columnOf(card))} now.`).join(" "));
  }

  // --- focus --------------------------------------------------------------------------------------------------------

  const PARTS = "a, button, [tabindex]";

  function focused() {
    const at = document.activeElement;
    if (!board.contains(at) || at === board) return null;
    const card = at.closest("[data-record]");
    const column = it.columnOf(at);
    const within = card ?? column;
    return { at, record: card?.dataset.record, column: column.dataset.column, part: at === card ? -1 : [...within.querySelectorAll(PARTS)].indexOf(at) };
  }

  function restore(focus) {
    if (!focus || document.activeElement === focus.at) return;
    const column = it.columns().find((one) => one.dataset.column === focus.column);
    const card = focus.record && it.card(focus.record);
    // A card that is gone leaves the focus to the first one of its column.
    const within = card || (focus.record ? it.cards(column ?? board)[0] : column) || board;
    const part = card || !focus.record ? [...within.querySelectorAll(PARTS)][focus.part] : null;
    (part ?? within).focus({ preventScroll: true });
  }

  // --- the next page of a column ------------------------------------------------------------------------------------

  board.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-more]");
    if (!button) return;
    const column = it.columnOf(button);
    const last = it.cards(column).at(-1);
    button.disabled = true;
    try {
      const answer = await fetch(address({ more: column.dataset.column, after: last.dataset.place }), { cache: "no-store" });
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      const cards = [...parsed(await answer.text()).querySelectorAll("[data-record]")].filter((card) => !it.card(card.dataset.record));
      for (const card of cards) sources.set(card, card.outerHTML);
      column.querySelector("[data-cards]").append(...cards);
      it.ready();
      it.announce(`${cards.length} more in ${it.label(column)}.`);
      cards[0]?.focus();
      ask();
    } catch {
      it.say("The server could not answer. Try again in a moment.", { bad: true });
    } finally {
      button.disabled = false;
    }
  });
})();
