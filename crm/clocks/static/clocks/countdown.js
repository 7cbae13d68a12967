// Lets what is left until a limit run. The server's time is in the page: only how long ago that was is measured here,
// so that a browser's clock that is wrong changes nothing. Nothing is announced: a screen reader reads it when asked.
(() => {
  "use strict";

  const seen = new WeakMap();

  function span(seconds) {
    const [minute, hour, day] = [60, 3600, 86400];
    if (seconds >= 2 * day) return `${Math.floor(seconds / day)} d ${Math.floor((seconds % day) / hour)} h`;
    if (seconds >= hour) return `${Math.floor(seconds / hour)} h ${Math.floor((seconds % hour) / minute)} min`;
    if (seconds >= 10 * minute) return `${Math.floor(seconds / minute)} min`;
    return `${Math.floor(seconds / minute)}:${String(seconds % minute).padStart(2, "0")}`;
  }

  function run() {
    for (const shown of document.querySelectorAll("time[data-left]")) {
      if (!seen.has(shown)) seen.set(shown, Date.now());
      const now = Date.parse(shown.dataset.left) + Math.max(0, Date.now() - seen.get(shown));
      const left = Date.parse(shown.dateTime) - now;
      const late = left <= 0;
      const words = `${span(Math.floor(Math.abs(left) / 1000))} ${late ? "overdue" : "left"}`;
      if (shown.textContent !== words) shown.textContent = words;
      if (late && !shown.classList.contains("pl-left-late")) {
        shown.classList.remove("pl-left-near", "pl-left-far");
        shown.classList.add("pl-left-late");
      }
    }
  }

  document.addEventListener("DOMContentLoaded", run);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) run(); });
  setInterval(() => { if (!document.hidden) run(); }, 1000);
})();
