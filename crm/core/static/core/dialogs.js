// Loads a move's dialog into a native <dialog>. Without this file each link opens the same form as a page.
(() => {
  "use strict";

  const box = document.createElement("dialog");
  box.id = "pl-dialog";
  box.className = "pl-dialog-box";
  box.setAttribute("aria-labelledby", "dialog-title");
  document.body.append(box);

  function load(method, url, values) {
    // A server that does not answer is told by htmx:sendError below.
    return htmx.ajax(method, url, { target: box, swap: "innerHTML", values }).catch(() => {});
  }

  // A field that is on the page as well (a lead's email) has the same id there: the dialog's labels name its own.
  function nameFields() {
    for (const field of box.querySelectorAll("[id^=id_]")) {
      for (const name of ["for", "aria-describedby"]) {
        for (const told of box.querySelectorAll(`[${name}="${field.id}"]`)) told.setAttribute(name, `dialog_${field.id}`);
      }
      field.id = `dialog_${field.id}`;
    }
  }

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const close = event.target.closest("[data-dialog-close]");
    if (close && box.contains(close)) {
      event.preventDefault();
      box.close();
      return;
    }
    const link = event.target.closest("a[data-dialog]");
    if (!link) return;
    event.preventDefault();
    box.opener = link;
    load("GET", link.href);
  });

  // The dialog's own form is sent in the background, so that a refusal is shown where it was asked.
  box.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-dialog-form]");
    if (!form) return;
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form, event.submitter));
    const buttons = form.querySelectorAll("button");
    buttons.forEach((button) => { button.disabled = true; });
    load("POST", form.action, values).finally(() => buttons.forEach((button) => { button.disabled = false; }));
  });

  box.addEventListener("keydown", (event) => {
    const form = event.target.form;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form) form.requestSubmit();
  });

  // A choice that decides what else is offered (the account of a conversion) asks for the form again.
  box.addEventListener("change", (event) => {
    if (!event.target.matches("[data-reload]")) return;
    const form = event.target.form;
    load("POST", form.action, { ...Object.fromEntries(new FormData(form)), look: "1" });
  });

  box.addEventListener("close", () => { box.opener?.isConnected && box.opener.focus(); });

  // A refusal (403, 409) is an answer to read, not a fault to hide.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === box && [403, 404, 409].includes(event.detail.xhr.status)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== box) return;
    nameFields();
    if (!box.open) box.showModal();
    const first = box.querySelector("[autofocus]") || box.querySelector("input:not([type=hidden]), button");
    first?.focus();
  });

  ["htmx:sendError", "htmx:responseError"].forEach((name) => {
    document.addEventListener(name, (event) => {
      if (event.detail.target !== box) return;
      box.innerHTML = "";
      const text = document.createElement("p");
      text.setAttribute("role", "alert");
      text.textContent = "The server could not answer. Reload the page to see whether the move was made.";
      const close = document.createElement("button");
      close.className = "pl-button";
      close.dataset.dialogClose = "";
      close.textContent = "Close";
      box.append(text, close);
      if (!box.open) box.showModal();
    });
  });
})();
