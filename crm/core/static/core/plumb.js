// Keyboard help that the theme lacks: Alt+S saves the form of the page, as the button at its end does.
document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || event.key.toLowerCase() !== "s") return;
  const save = document.querySelector('#submit-row [name="_save"]');
  if (save) {
    event.preventDefault();
    save.click();
  }
});

// Labels of cells on small screens begin with a capital, as everywhere; the theme takes them from the columns' names.
document.addEventListener("DOMContentLoaded", () => {
  for (const cell of document.querySelectorAll(".result-list [data-label]")) {
    cell.dataset.label = cell.dataset.label.charAt(0).toUpperCase() + cell.dataset.label.slice(1);
  }
});

// A menu that is open over the page closes by Escape, which goes back to what opened it, and by a click beside it.
const openMenus = () => document.querySelectorAll("details[data-menu][open]");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  for (const menu of openMenus()) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});
document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});

// What the theme leaves unsaid to whoever hears the page: where its main part is, and which half of a moment a field is.
document.addEventListener("DOMContentLoaded", () => {
  (document.getElementById("main") ?? document.getElementById("page"))?.setAttribute("role", "main");
  document.querySelector('#header-inner a[href="#"]:has(> .material-symbols-outlined)')?.setAttribute("aria-label", "More");
  for (const [half, word] of [[0, "date"], [1, "time"]]) {
    for (const input of document.querySelectorAll(`.datetime input[name$="_${half}"]`)) {
      const label = document.querySelector(`label[for="${input.id.slice(0, -2)}"], label[for="${input.id.slice(0, -2)}_0"]`);
      if (half === 1 || !input.labels.length) input.setAttribute("aria-label", `${(label?.textContent ?? "").replace("*", "").trim()}: ${word}`.replace(/^: /, ""));
    }
  }
});

// Fields and scrolling parts that scripts of the theme draw are named as what they stand for.
const labelOf = (drawn) => {
  const field = drawn.closest(".select2")?.previousElementSibling;
  const label = field?.labels?.[0] ?? field?.closest(".field-line, div")?.querySelector("label, h3");
  return (label?.textContent ?? "").replace("*", "").trim();
};
const nameDrawn = () => {
  for (const box of document.querySelectorAll(".select2-selection:not([aria-label])")) {
    for (const one of [box, ...box.querySelectorAll("[role=textbox]")]) {
      if (!labelOf(box)) continue;
      one.setAttribute("aria-label", labelOf(box));
      one.removeAttribute("aria-labelledby");
    }
  }
};
// They are drawn when the theme gets to it, which may be long after the page is there.
document.addEventListener("DOMContentLoaded", () => {
  nameDrawn();
  new MutationObserver(nameDrawn).observe(document.body, { childList: true, subtree: true });
});
window.addEventListener("load", () => {
  for (const [n, part] of document.querySelectorAll(".simplebar-content-wrapper").entries()) {
    part.setAttribute("aria-label", part.closest("nav, #nav-sidebar") ? "Menu" : `Scrolling part ${n + 1}`);
  }
});

// The search within a field of several choices is named as the field is, once it is reached.
document.addEventListener("focusin", (event) => {
  if (!event.target.matches(".select2-search__field") || event.target.ariaLabel) return;
  if (labelOf(event.target)) event.target.setAttribute("aria-label", `Search: ${labelOf(event.target)}`);
});

// What is made to be printed.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
