// The command palette: Ctrl+K, or "/" where nobody is typing. It asks for what is typed; arrows choose, Enter opens.
(() => {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector(".palette-input");
  const found = dialog.querySelector(".palette-found");
  const said = dialog.querySelector("[data-palette-said]");
  let asked = null;
  let timer = 0;
  let shown = null;
  let enter = false;

  const rows = () => [...found.querySelectorAll("[role=option]")];

  const choose = (row) => {
    for (const one of rows()) one.setAttribute("aria-selected", String(one === row));
    if (row) {
      input.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  const chosen = () => found.querySelector('[aria-selected="true"]');

  const open = (row, apart) => {
    if (!row) return;
    if (apart) window.open(row.href, "_blank", "noopener");
    else window.location.assign(row.href);
  };

  // What was asked last is shown, whatever order the answers come in.
  const ask = async () => {
    const term = input.value.trim();
    if (asked) asked.abort();
    asked = new AbortController();
    const mine = asked;
    try {
      const answer = await fetch(`${dialog.dataset.address}?q=${encodeURIComponent(term)}`, {
        signal: mine.signal,
        headers: { "X-Requested-With": "XMLHttpRequest" },
      });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const text = await answer.text();
      if (mine !== asked) return;
      found.innerHTML = text;
      rows().forEach((row, place) => { row.id = `palette-row-${place}`; });
      shown = term;
      choose(rows()[0]);
      // The way to the page of the search is no find.
      said.textContent = `${found.querySelectorAll("[role=group]:not([data-group=search]) [role=option]").length} found`;
      if (enter) { enter = false; open(chosen(), false); }
    } catch (error) {
      if (error.name === "AbortError") return;
      enter = false;
      found.innerHTML = '<p class="palette-nothing">The search did not answer. Try again in a moment.</p>';
    }
  };

  const show = () => {
    if (dialog.open || document.querySelector("dialog[open]")) return;
    dialog.showModal();
    input.select();
    ask();
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable=true]");
    const key = event.key.toLowerCase();
    if (key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      if (dialog.open) dialog.close(); else show();
    // On a list "/" is for the list's own search, as its box says.
    } else if (key === "/" && !typing && !document.getElementById("searchbar") && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      show();
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette-open]")) {
      event.preventDefault();
      show();
    } else if (event.target === dialog || event.target.closest("[data-palette-close]")) {
      dialog.close();
    }
  });

  found.addEventListener("mousemove", (event) => {
    const row = event.target.closest("[role=option]");
    if (row && row !== chosen()) choose(row);
  });

  input.addEventListener("input", () => {
    enter = false;
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  });

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const all = rows();
    const at = all.indexOf(chosen());
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1 };
    if (event.key in moves && all.length) {
      event.preventDefault();
      choose(all[(moves[event.key] + all.length) % all.length]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      // Typed faster than answered: what Enter means is the first row of the answer to come.
      if (shown !== input.value.trim()) { enter = true; clearTimeout(timer); ask(); } else open(chosen(), event.ctrlKey || event.metaKey);
    }
  });

  dialog.addEventListener("close", () => {
    if (asked) asked.abort();
    clearTimeout(timer);
    enter = false;
  });

  // From now on the keys are heard.
  dialog.dataset.ready = "";
})();
