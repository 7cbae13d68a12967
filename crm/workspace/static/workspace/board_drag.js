// Cards carried by a mouse, a pen or a finger. A finger holds a card for a moment first: else it scrolls, as everywhere.
(() => {
  "use strict";

  const it = window.plumbBoard;
  if (!it) return;
  const { board } = it;
  const HOLD = 280; // milliseconds that a finger rests on a card to pick it up
  const SLACK = 6; // pixels that a hand trembles
  const EDGE = 56; // pixels from an edge where the board begins to scroll
  let start = null; // where it was pressed
  let drag = null; // what is carried

  board.addEventListener("pointerdown", (event) => {
    const card = event.target.closest("[data-record]");
    if (!card || event.button || !event.isPrimary || it.pending || it.busy() || event.target.closest("[data-moves], button")) return;
    start = { card, x: event.clientX, y: event.clientY, touch: event.pointerType === "touch" };
    if (start.touch) start.timer = setTimeout(() => begin(), HOLD);
  });

  document.addEventListener("pointermove", (event) => {
    if (drag) return move(event.clientX, event.clientY);
    if (!start) return;
    const far = Math.hypot(event.clientX - start.x, event.clientY - start.y) > SLACK;
    if (far && start.touch) return forget();
    if (far && begin()) move(event.clientX, event.clientY);
  });

  document.addEventListener("pointerup", (event) => {
    if (drag) drop(event.clientX, event.clientY);
    forget();
  });
  document.addEventListener("pointercancel", () => { cancel(); forget(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag) { cancel(); event.stopImmediatePropagation(); }
  }, true);
  // What is being carried is neither scrolled nor asked for its menu.
  board.addEventListener("touchmove", (event) => { if (drag && event.cancelable) event.preventDefault(); }, { passive: false });
  board.addEventListener("contextmenu", (event) => { if (drag || start?.touch) event.preventDefault(); });
  board.addEventListener("dragstart", (event) => event.preventDefault());

  function forget() {
    clearTimeout(start?.timer);
    start = null;
  }

  function begin() {
    const { x, y } = start;
    // It may have been drawn anew since it was pressed.
    const card = it.card(start.card.dataset.record);
    if (!card) return forget();
    const box = card.getBoundingClientRect();
    const ghost = card.cloneNode(true);
    for (const name of ["data-record", "id", "tabindex"]) ghost.removeAttribute(name);
    ghost.setAttribute("aria-hidden", "true");
    ghost.inert = true;
    ghost.classList.add("plumb-board-ghost");
    ghost.style.width = `${box.width}px`;
    it.frame.append(ghost);
    card.classList.add("plumb-board-lifted");
    board.classList.add("plumb-board-dragging");
    getSelection()?.removeAllRanges();
    navigator.vibrate?.(15);
    drag = { card, ghost, dx: x - box.left, dy: y - box.top, x, y };
    it.lift(card);
    move(x, y);
    drag.frame = requestAnimationFrame(scroll);
    return true;
  }

  function under(x, y) {
    return document.elementFromPoint(x, y)?.closest("[data-column]") ?? null;
  }

  function move(x, y) {
    Object.assign(drag, { x, y });
    drag.ghost.style.transform = `translate(${x - drag.dx}px, ${y - drag.dy}px)`;
    it.over(under(x, y));
  }

  function scroll() {
    if (!drag) return;
    const box = board.getBoundingClientRect();
    const near = (at, from, to) => (at < from + EDGE ? -1 : at > to - EDGE ? 1 : 0);
    const sideways = near(drag.x, Math.max(0, box.left), Math.min(innerWidth, box.right));
    const down = near(drag.y, 0, innerHeight);
    if (sideways) board.scrollLeft += sideways * 10;
    if (down) scrollBy(0, down * 10);
    if (sideways || down) it.over(under(drag.x, drag.y));
    drag.frame = requestAnimationFrame(scroll);
  }

  function end() {
    cancelAnimationFrame(drag.frame);
    drag.ghost.remove();
    drag.card.classList.remove("plumb-board-lifted");
    board.classList.remove("plumb-board-dragging");
    // The press that ends a carry opens no link; the dialog that the move asks for does.
    const swallow = (event) => {
      if (!event.isTrusted) return;
      event.preventDefault();
      event.stopPropagation();
    };
    document.addEventListener("click", swallow, { capture: true });
    setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 50);
    const { card } = drag;
    drag = null;
    return card;
  }

  function cancel() {
    if (!drag) return;
    end();
    it.lay();
    it.refresh();
  }

  function drop(x, y) {
    const column = under(x, y);
    const card = end();
    if (column) it.put(card, column);
    else it.lay();
  }
})();
