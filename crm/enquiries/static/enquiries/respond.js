// Home by the keyboard: J and K go through who waits for an answer, Enter or O opens, R logs the response.
(() => {
  "use strict";

  const rows = () => [...document.querySelectorAll("[data-respond-row]")].map((row) => row.closest("li"));

  function typing(target) {
    return target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || typing(event.target)) return;
    const key = event.key.toLowerCase();
    const all = rows();
    if (!all.length || !["j", "k", "o", "r"].includes(key)) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    event.preventDefault();
    if (key === "o" || key === "r") {
      const row = all[Math.max(0, at)];
      row.querySelector(key === "o" ? "[data-respond-open]" : "[data-respond-answer]")?.click();
      return;
    }
    const next = key === "j" ? Math.min(at + 1, all.length - 1) : Math.max(at - 1, 0);
    all[next].querySelector("[data-respond-open]").focus();
    all[next].scrollIntoView({ block: "nearest" });
  });
})();
