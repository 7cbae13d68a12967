// A board whose cards can be moved: what a move is, whoever makes it (the hand, the keys, the menu). The server decides
// everything: at once, by the move's own dialog, or not, and then it says why. A card that may not go springs back.
// Why no library carries the cards: nothing is put in an order here, and none knows keys, dialogs or a server that says no.
window.plumbBoard = (() => {
  "use strict";

  const frame = document.querySelector("[data-board-frame]");
  if (!frame) return null;
  const board = frame.querySelector("[data-board]");
  const bar = frame.querySelector("[data-board-said]");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const it = { frame, board, carried: null, pending: null, turn: 0, sources: new WeakMap(), refresh() {} };
  for (const card of board.querySelectorAll("[data-record]")) it.sources.set(card, card.outerHTML);

  it.columns = () => [...board.querySelectorAll("[data-column]")];
  it.cards = (column) => [...column.querySelectorAll("[data-record]")];
  it.card = (record) => board.querySelector(`[data-record="${record}"]`);
  it.columnOf = (card) => card.closest("[data-column]");
  it.label = (column) => column.querySelector("[data-label]").textContent.trim();
  it.named = (card) => card.querySelector(".plumb-board-name").textContent.trim();
  it.busy = () => Boolean(it.carried);

  // --- what is said, to eyes and ears -------------------------------------------------------------------------------

  it.announce = (words, urgent = false) => {
    const told = frame.querySelector(urgent ? "[data-board-alert]" : "[data-board-polite]");
    // The same sentence twice is heard twice.
    told.textContent = "";
    setTimeout(() => { told.textContent = words; }, 30);
  };

  it.say = (words, { bad = false, undo = null, codes = [] } = {}) => {
    bar.hidden = false;
    bar.dataset.codes = codes.join(" ");
    bar.classList.toggle("plumb-board-no", bad);
    bar.querySelector("[data-board-words]").textContent = words;
    const link = bar.querySelector("[data-board-undo]");
    link.hidden = !undo?.url;
    if (undo?.url) {
      link.href = undo.url;
      link.textContent = undo.label;
    }
    it.announce(undo?.url ? `${words} ${undo.label} is offered below the board.` : words, bad);
  };
  bar.querySelector("[data-board-close]").addEventListener("click", () => { bar.hidden = true; });

  // --- where a card may go ------------------------------------------------------------------------------------------

  const address = (card) => `${location.pathname}${card.dataset.record}/board/`;
  const asking = { headers: { "X-Requested-With": "fetch" }, cache: "no-store" };

  async function answer(promise) {
    const given = await promise;
    const json = given.headers.get("Content-Type")?.includes("json");
    if (given.redirected || !json) throw new Error("no answer");
    return given.json();
  }

  it.lift = async (card) => {
    bar.hidden = true;
    it.carried = { card, ways: null };
    const mine = it.carried;
    try {
      const told = await answer(fetch(address(card), asking));
      if (it.carried === mine && told.columns) mark(card, mine.ways = told.columns);
      return told;
    } catch {
      return null;
    }
  };

  function mark(card, ways) {
    for (const column of it.columns()) {
      const way = ways[column.dataset.column];
      const words = column.querySelector("[data-reach-words]");
      if (column === it.columnOf(card)) continue;
      column.dataset.reach = way?.open ? "yes" : "no";
      words.textContent = way?.open ? way.message : "Cannot be reached";
      words.hidden = false;
    }
  }

  it.over = (column) => {
    for (const one of it.columns()) one.toggleAttribute("data-over", one === column);
  };

  it.lay = () => {
    it.carried = null;
    for (const column of it.columns()) {
      delete column.dataset.reach;
      column.removeAttribute("data-over");
      column.querySelector("[data-reach-words]").hidden = true;
    }
  };

  // --- moving -------------------------------------------------------------------------------------------------------

  const glide = (card, from) => {
    const to = card.getBoundingClientRect();
    const way = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
    if (!calm.matches && card.animate) card.animate([{ transform: way }, { transform: "none" }], { duration: 240, easing: "ease-out" });
  };

  function place(card, column) {
    const list = column.querySelector("[data-cards]");
    const home = { list: card.parentElement, next: card.nextElementSibling };
    list.hidden = false;
    list.prepend(card);
    card.setAttribute("aria-busy", "true");
    return home;
  }

  function back(moving) {
    const { card, home } = moving;
    card.removeAttribute("aria-busy");
    if (!card.isConnected) return;
    const from = card.getBoundingClientRect();
    home.list.insertBefore(card, home.next?.parentElement === home.list ? home.next : null);
    for (const column of it.columns()) {
      const list = column.querySelector("[data-cards]");
      list.hidden = !list.children.length;
    }
    glide(card, from);
  }

  function arrived(moved, moving) {
    it.turn += 1;
    const card = moving?.card ?? it.card(moved.record);
    if (card) {
      card.removeAttribute("aria-busy");
      card.dataset.version = moved.version;
    }
    it.own = moved.record;
    it.say(moved.said, { undo: moved.undo });
    it.refresh();
    if (moving?.focus) card?.focus();
  }

  // Put a card into a column. `focus` says that it was done by keys: the card has the focus again at the end.
  it.put = async (card, column, { focus = false } = {}) => {
    if (column === it.columnOf(card) || it.pending) return it.lay();
    const body = new FormData();
    body.set("to", column.dataset.column);
    body.set("version", card.dataset.version);
    body.set("csrfmiddlewaretoken", frame.querySelector("[name=csrfmiddlewaretoken]").value);
    const moving = it.pending = { card, focus, home: place(card, column) };
    it.lay();
    let told;
    try {
      told = await answer(fetch(address(card), { ...asking, method: "POST", body }));
    } catch {
      told = { message: "The server could not answer. Load the page anew to see whether the move was made." };
    }
    if (told.dialog) return open(told.dialog, moving);
    it.pending = null;
    if (told.moved) return arrived(told.moved, moving);
    back(moving);
    it.say(told.message, { bad: true, codes: told.codes });
    if (focus) card.focus();
    it.refresh();
  };

  function open(url, moving) {
    const link = document.createElement("a");
    link.href = url;
    link.dataset.dialog = "";
    frame.append(link);
    link.click();
    link.remove();
    moving.asked = true;
  }

  document.addEventListener("plumb:moved", (event) => {
    const moving = it.pending;
    it.pending = null;
    document.getElementById("pl-dialog").close();
    arrived(event.detail, moving);
  });

  // A dialog that is closed without a move: the card goes back to where it was.
  document.getElementById("pl-dialog").addEventListener("close", () => {
    const moving = it.pending;
    if (!moving?.asked) return;
    it.pending = null;
    back(moving);
    it.announce(`${it.named(moving.card)} stays in ${it.label(it.columnOf(moving.card))}.`);
    moving.card.focus();
    it.refresh();
  });

  return it;
})();
