// The board by keys and by menu. One card is in the order of Tab; arrows walk, Space picks up, left and right choose a
// column, Enter puts the card there, Escape puts it back. “Move to …” on each card says the same in a list.
(() => {
  "use strict";

  const it = window.plumbBoard;
  if (!it) return;
  const { board, frame } = it;
  let held = null; // what the keys carry: the card and the column they point at
  let menu = null;

  // --- walking ------------------------------------------------------------------------------------------------------

  it.ready = () => {
    const all = [...board.querySelectorAll("[data-record]")];
    const now = all.find((card) => card.tabIndex === 0 && card.hasAttribute("tabindex")) ?? all[0];
    for (const card of all) {
      card.tabIndex = card === now ? 0 : -1;
      card.setAttribute("aria-describedby", "board-help");
    }
    for (const button of board.querySelectorAll("[data-more]")) button.hidden = false;
    frame.querySelector("#board-help").hidden = false;
  };
  it.ready();

  function walk(card, key) {
    const columns = it.columns();
    const column = it.columnOf(card);
    const cards = it.cards(column);
    const place = cards.indexOf(card);
    if (key === "ArrowUp" || key === "ArrowDown") return cards[place + (key === "ArrowDown" ? 1 : -1)];
    if (key === "Home") return cards[0];
    if (key === "End") return cards.at(-1);
    const step = key === "ArrowRight" ? 1 : -1;
    for (let at = columns.indexOf(column) + step; columns[at]; at += step) {
      const there = it.cards(columns[at]);
      if (there.length) return there[Math.min(place, there.length - 1)];
    }
    return null;
  }

  board.addEventListener("focusin", (event) => {
    const card = event.target.closest("[data-record]");
    if (!card) return;
    for (const one of board.querySelectorAll('[data-record][tabindex="0"]')) one.tabIndex = -1;
    card.tabIndex = 0;
  });

  board.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (held) return carry(event);
    const card = event.target;
    if (!card.matches("[data-record]")) return;
    if (event.key === " ") {
      event.preventDefault();
      if (!it.pending && !it.busy()) pick(card);
    } else if (event.key === "Enter") {
      card.querySelector(".plumb-board-name").click();
    } else if (event.key === "m" || event.key === "M") {
      event.preventDefault();
      open(card);
    } else if (["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
      event.preventDefault();
      walk(card, event.key)?.focus();
    }
  });

  // --- carrying -----------------------------------------------------------------------------------------------------

  async function pick(card) {
    held = { card, column: it.columnOf(card) };
    card.classList.add("plumb-board-held");
    it.announce(`Picked up ${it.named(card)}, in ${it.label(held.column)}. Left and right choose a column, Enter puts it there, Escape puts it back.`);
    const mine = held;
    await it.lift(card);
    if (held === mine && held.column !== it.columnOf(card)) point(held.column);
  }

  function carry(event) {
    const { card } = held;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      const columns = it.columns();
      const next = columns[columns.indexOf(held.column) + step];
      if (next) point(next);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const { column } = held;
      release();
      if (column === it.columnOf(card)) stays(card);
      else it.put(card, column, { focus: true });
    } else if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      release();
      stays(card);
    }
  }

  function point(column) {
    held.column = column;
    it.over(column);
    column.scrollIntoView({ block: "nearest", inline: "nearest" });
    const label = it.label(column);
    if (column === it.columnOf(held.card)) return it.announce(`${label}, where it is.`);
    const way = it.carried?.ways?.[column.dataset.column];
    if (!way) return it.announce(label);
    it.announce(way.open ? `${label}: ${way.message}.` : `${label} cannot be reached. ${way.message}`);
  }

  function release() {
    held.card.classList.remove("plumb-board-held");
    held = null;
  }

  function stays(card) {
    it.lay();
    it.announce(`${it.named(card)} stays in ${it.label(it.columnOf(card))}.`);
    it.refresh();
  }

  board.addEventListener("focusout", () => setTimeout(() => {
    if (!held || held.card.contains(document.activeElement)) return;
    const { card } = held;
    release();
    it.lay();
    if (!card.isConnected) it.refresh();
  }));

  // --- the menu -----------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-moves]");
    if (opener && board.contains(opener) && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      if (menu?.card === opener.closest("[data-record]")) close();
      else open(opener.closest("[data-record]"));
    } else if (menu && !menu.box.contains(event.target)) {
      close();
    }
  });

  function close({ focus = false } = {}) {
    if (!menu) return;
    const { box, card } = menu;
    menu = null;
    box.remove();
    card.querySelector("[data-moves]")?.setAttribute("aria-expanded", "false");
    if (focus) card.querySelector("[data-moves]")?.focus();
    if (it.carried?.card === card) it.lay();
  }

  async function open(card) {
    close();
    if (it.pending || it.busy()) return;
    const opener = card.querySelector("[data-moves]");
    const told = await it.lift(card);
    if (!told?.columns) {
      it.lay();
      return it.say(told?.message ?? "The server could not answer. Try again in a moment.", { bad: true });
    }
    if (it.carried?.card !== card) return;
    const box = document.createElement("div");
    box.className = "plumb-board-menu";
    box.setAttribute("role", "menu");
    box.setAttribute("aria-label", `Move ${it.named(card)} to`);
    const isOpen = (column) => Boolean(told.columns[column.dataset.column]?.open);
    // Where it can go first.
    for (const column of it.columns().sort((one, other) => isOpen(other) - isOpen(one))) {
      const way = told.columns[column.dataset.column];
      if (!way) continue;
      const item = document.createElement("button");
      const label = document.createElement("span");
      const note = document.createElement("small");
      Object.assign(item, { type: "button", tabIndex: -1 });
      item.setAttribute("role", "menuitem");
      item.setAttribute("aria-disabled", String(!way.open));
      label.textContent = it.label(column);
      note.textContent = way.message;
      item.append(label, note);
      item.addEventListener("click", () => {
        close({ focus: true });
        it.put(card, column, { focus: true });
      });
      box.append(item);
    }
    frame.append(box);
    menu = { box, card };
    opener.setAttribute("aria-expanded", "true");
    stand(box, opener.getBoundingClientRect());
    (box.querySelector('[aria-disabled="false"]') ?? box.firstElementChild)?.focus();
  }

  function stand(box, by) {
    const size = box.getBoundingClientRect();
    const left = Math.max(8, Math.min(by.left, innerWidth - size.width - 8));
    const below = by.bottom + 4 + size.height <= innerHeight;
    box.style.left = `${left}px`;
    box.style.top = `${below ? by.bottom + 4 : Math.max(8, by.top - 4 - size.height)}px`;
  }

  frame.addEventListener("keydown", (event) => {
    if (!menu?.box.contains(event.target)) return;
    const items = [...menu.box.children];
    const place = items.indexOf(document.activeElement);
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: items.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      items[(next + items.length) % items.length].focus();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close({ focus: true });
    } else if (event.key === "Tab") {
      close({ focus: true });
    }
  });
  board.addEventListener("scroll", () => close(), { passive: true });
  addEventListener("scroll", (event) => { if (event.target === document) close(); }, { passive: true });
  addEventListener("resize", () => close());
})();
