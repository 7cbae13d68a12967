// Beside a timeline: outcomes and fields of the chosen kind of touch, and "Done" of a lead's next touch.
(() => {
  "use strict";

  function narrow(form) {
    const kind = form.querySelector("select[name=kind]");
    const outcome = form.querySelector("select[data-outcome]");
    if (!kind || !outcome) return;
    let count = 0;
    let only = null;
    for (const option of outcome.options) {
      const fits = !option.value || (option.dataset.kinds || "").split(" ").includes(kind.value);
      option.hidden = option.disabled = !fits;
      if (fits && option.value) { count += 1; only = option; }
    }
    if (outcome.selectedOptions[0]?.disabled) outcome.value = "";
    if (count === 1) outcome.value = only.value;
    for (const field of form.querySelectorAll("[data-for-kind]")) {
      field.closest(".pl-field").hidden = field.dataset.forKind !== kind.value;
    }
  }

  // The notes are titled as they are found: “Charlie (Fleet)”.
  function suggest(form) {
    const title = form.querySelector("input[name=title]");
    const person = form.querySelector("select[name=contact]");
    if (!title || !person || !person.value) return;
    const first = person.selectedOptions[0].textContent.trim().split(" ")[0];
    title.placeholder = title.placeholder.replace(/^.*? \(/, `${first} (`);
  }

  function narrowAll() {
    document.querySelectorAll("form").forEach(narrow);
  }

  document.addEventListener("DOMContentLoaded", narrowAll);
  document.addEventListener("htmx:afterSettle", narrowAll);
  document.addEventListener("change", (event) => {
    if (event.target.matches("select[name=kind]") && event.target.form) narrow(event.target.form);
    if (event.target.matches("select[name=contact]") && event.target.form) suggest(event.target.form);
    // They answered: then it was they who reached out.
    if (event.target.matches("select[data-outcome]") && event.target.value === "replied") {
      event.target.form.querySelector("select[name=direction]").value = "in";
    }
  });

  document.addEventListener("click", (event) => {
    const done = event.target.closest("a[data-done]");
    const form = document.querySelector("#log form.pl-log");
    if (!done || !form) return;
    event.preventDefault();
    form.closest("details").open = true;
    form.querySelector("select[name=kind]").value = done.dataset.kind;
    const planned = form.querySelector("input[name=planned]");
    if (planned) planned.checked = true;
    narrow(form);
    form.scrollIntoView({ block: "center" });
    form.querySelector("select[data-outcome]").focus();
  });
})();
