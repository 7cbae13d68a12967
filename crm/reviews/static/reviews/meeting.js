// A meeting: keys, drafts of what is typed, texts that save themselves, and following who holds the minutes.
// Without this file everything is sent by plain forms.
(() => {
  "use strict";

  const PREFIX = "plumb-meeting:";
  const KEPT_DAYS = 14;
  const EVERY = 2500;

  // What is typed is kept in this browser until it is saved: it is nobody else's before, costs the server nothing at
  // each key, and is there when the server is not. Whoever logs in here next has another id.
  const drafts = {
    read(key) { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
    write(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* full, or not allowed */ } },
    drop(key) { try { localStorage.removeItem(key); } catch { /* not allowed */ } },
    keys() { try { return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)); } catch { return []; } },
  };
  for (const key of drafts.keys()) {
    const age = Date.now() - (drafts.read(key)?.at ?? 0);
    if (age > KEPT_DAYS * 86400000) drafts.drop(key);
  }

  // Once a meeting is over there is no place to save it in: what was typed is shown with the minutes until it is
  // discarded.
  const minutes = document.querySelector("[data-minutes]");
  if (minutes && minutes.dataset.state !== "running") {
    const mine = drafts.keys().filter((key) => key.startsWith(`${PREFIX}${minutes.dataset.user}:${minutes.dataset.minutes}:`));
    const texts = mine.flatMap((key) => {
      const kept = drafts.read(key) ?? {};
      return kept.text !== undefined ? [kept.text] : Object.values(kept.values ?? {}).filter((one) => typeof one === "string");
    }).filter((text) => text.trim());
    const box = minutes.querySelector("[data-unsaved]"), list = box.querySelector("ul");
    list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    box.hidden = !texts.length;
    box.querySelector("button").addEventListener("click", () => {
      mine.forEach(drafts.drop);
      box.hidden = true;
    });
  }

  const root = document.querySelector("[data-meeting]");
  if (!root) return;
  root.classList.add("mt-scripted");
  const find = (selector) => root.querySelector(selector);
  const told = find("#meeting-told");
  let holds = Boolean(root.dataset.holds);
  // What was refused is answered where it was sent to, which shows nothing to who asks: what is loaded anew, or opened
  // again after a crash, is the meeting.
  if (root.dataset.refused) history.replaceState(null, "", root.dataset.here);
  const tagOf = (revision) => `"${root.dataset.meeting}.${revision}"`;
  let tag = tagOf(root.dataset.revision);

  // --- how long it has run ---------------------------------------------------------------------------------------
  const started = Number(root.dataset.started), ahead = Date.now() / 1000 - Number(root.dataset.now);
  function showElapsed() {
    const place = find("[data-elapsed]");
    const past = Math.max(0, Math.floor((Date.now() / 1000 - ahead - started) / 60));
    if (place) place.textContent = `, ${past < 60 ? `${past} min` : `${Math.floor(past / 60)} h ${past % 60} min`} ago`;
  }
  showElapsed();
  setInterval(showElapsed, 15000);

  // --- drafts ----------------------------------------------------------------------------------------------------
  const SENT = `${PREFIX}sent`;
  const fieldsOf = (form) => [...form.elements].filter((one) =>
    one.name && one.type !== "hidden" && one.tagName !== "BUTTON" && one.tagName !== "FIELDSET");
  const keyOf = () => {
    const item = find("[data-item]");
    return item && `${PREFIX}${root.dataset.user}:${root.dataset.meeting}:${item.dataset.item}`;
  };
  const valueOf = (field) => field.type === "checkbox" || field.type === "radio" ? field.checked
    : field.multiple ? [...field.selectedOptions].map((one) => one.value) : field.value;
  function isChanged(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") return [...field.options].some((one) => one.selected !== one.defaultSelected);
    return field.value !== field.defaultValue;
  }
  // Fields of one name, as radios are, are told apart by their order.
  function named(form) {
    const seen = {};
    return fieldsOf(form).map((field) => {
      seen[field.name] = (seen[field.name] ?? 0) + 1;
      return [`${field.name}#${seen[field.name]}`, field];
    });
  }
  function keepDraft(form) {
    const key = keyOf();
    // What was refused stands in the page as it was typed: it is not stored, and stays in the draft.
    const values = root.dataset.refused ? { ...drafts.read(key)?.values } : {};
    for (const [name, field] of named(form)) if (name in values || isChanged(field)) values[name] = valueOf(field);
    if (Object.keys(values).length) drafts.write(key, { at: Date.now(), values });
    else drafts.drop(key);
  }
  function restoreDraft() {
    const form = find("#meeting-answer"), key = keyOf();
    const kept = form && holds && !root.dataset.refused && drafts.read(key);
    if (!kept) return;
    let back = false;
    for (const [name, field] of named(form)) {
      const value = kept.values[name];
      if (value === undefined) continue;
      if (typeof value === "boolean") field.checked = value;
      else if (Array.isArray(value)) [...field.options].forEach((one) => { one.selected = value.includes(one.value); });
      else field.value = value;
      if (isChanged(field)) back = true;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    if (back) find("[data-draft-note]").hidden = false;
    else drafts.drop(key);
  }
  // What was sent and came back without a refusal is stored.
  try {
    const sent = sessionStorage.getItem(SENT);
    if (sent) {
      sessionStorage.removeItem(SENT);
      if (!root.dataset.refused) drafts.drop(sent);
    }
  } catch { /* not allowed */ }
  restoreDraft();

  root.addEventListener("input", (event) => {
    const form = event.target.closest("#meeting-answer");
    if (form) keepDraft(form);
  });
  root.addEventListener("change", (event) => {
    const form = event.target.closest("#meeting-answer");
    if (form && event.isTrusted) keepDraft(form);
  });
  root.addEventListener("submit", (event) => {
    if (!["meeting-answer", "meeting-skip"].includes(event.target.id)) return;
    try { sessionStorage.setItem(SENT, keyOf()); } catch { /* not allowed */ }
  });
  root.addEventListener("click", (event) => {
    if (!event.target.closest("[data-draft-discard]")) return;
    drafts.drop(keyOf());
    find("#meeting-answer").reset();
    find("[data-draft-note]").hidden = true;
    find("#meeting-item-name")?.focus();
  });

  // --- notes and decisions ---------------------------------------------------------------------------------------
  const timers = new Map();
  const textKey = (form) => `${PREFIX}${root.dataset.user}:${root.dataset.meeting}:${form.dataset.autosave}`;
  async function saveText(form) {
    clearTimeout(timers.get(form));
    timers.delete(form);
    const field = form.elements.text, sent = field.value, saved = form.querySelector("[data-saved]");
    if (form.dataset.saving || sent === form.elements.was.value || !holds) return;
    form.dataset.saving = "1";
    saved.textContent = "Saving";
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, credentials: "same-origin",
      });
      const said = await answer.json();
      if (answer.ok) {
        form.elements.was.value = sent;
        if (field.value === sent) drafts.drop(textKey(form));
        // Nobody else wrote in between: there is no news in what was written here.
        if (tag === tagOf(said.revision - 1)) tag = tagOf(said.revision);
        saved.textContent = "Saved";
        form.querySelector("[data-stale]").hidden = true;
      } else {
        saved.textContent = "";
        showStale(form, said);
      }
    } catch {
      saved.textContent = "Not saved: the server does not answer. It is tried again as you go on typing.";
    } finally {
      delete form.dataset.saving;
      if (field.value !== sent) later(form);
    }
  }
  function later(form) {
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(() => saveText(form), 900));
  }
  function showStale(form, said) {
    const box = form.querySelector("[data-stale]"), stored = said.stored?.[form.dataset.autosave];
    box.hidden = false;
    box.querySelector("[data-stale-words]").textContent = said.message;
    box.querySelector("[data-stale-stored]").hidden = stored === undefined;
    if (stored === undefined) return;
    box.querySelector("[data-stored]").textContent = stored || "(empty)";
    // Saved again, knowingly, it replaces what is shown.
    form.elements.was.value = stored;
  }
  root.addEventListener("input", (event) => {
    const form = event.target.closest("[data-autosave]");
    if (!form) return;
    drafts.write(textKey(form), { at: Date.now(), text: form.elements.text.value, was: form.elements.was.value });
    if (form.querySelector("[data-stale]").hidden) later(form);
  });
  // What was typed and not saved: it is saved now, if nobody wrote there since.
  for (const form of holds ? root.querySelectorAll("[data-autosave]") : []) {
    const kept = root.dataset.refused ? null : drafts.read(textKey(form));
    if (!kept || kept.text === form.elements.text.value) continue;
    form.elements.text.value = kept.text;
    form.elements.was.value = kept.was;
    later(form);
  }
  root.addEventListener("focusout", (event) => {
    const form = event.target.closest("[data-autosave]");
    if (form && timers.has(form)) saveText(form);
  });
  root.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-autosave]");
    if (!form) return;
    event.preventDefault();
    saveText(form);
  });
  // Whatever leaves the page takes along what was typed a moment ago.
  window.addEventListener("pagehide", () => {
    for (const form of timers.keys()) {
      fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, keepalive: true });
    }
  });

  // --- keys ------------------------------------------------------------------------------------------------------
  const keys = find("#meeting-keys");
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const openDialog = () => document.querySelector("dialog[open]");
  function go(way) {
    const there = find(`[data-${way}]`);
    if (!there) return;
    if (there.tagName === "A") there.click();
    else if (!there.querySelector("button").disabled) there.requestSubmit();
  }
  function openSkip() {
    const skip = find(".mt-skip");
    if (!skip) return;
    skip.open = true;
    skip.querySelector("input:not([type=hidden])").focus();
  }
  function openFinish() {
    const finish = find(".mt-finish");
    if (!finish) return;
    finish.open = true;
    finish.scrollIntoView({ block: "nearest" });
    (finish.querySelector("#skip_rest") ?? finish.querySelector("form button")).focus();
  }
  const acts = {
    j: () => go("next"), n: () => go("next"), k: () => go("back"), p: () => go("back"), s: openSkip,
    u: () => find("[data-nothing-new]")?.click(),
    f: openFinish,
    e: () => fieldsOf(find("#meeting-answer")).find((one) => !one.matches(":disabled"))?.focus(),
    "?": () => keys.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || openDialog()) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.closest("form");
      event.preventDefault();
      if (form?.matches("[data-autosave]")) saveText(form);
      else if (form?.matches("#meeting-skip, #meeting-finish")) form.requestSubmit();
      else if (holds) find("[data-save]")?.click();
      return;
    }
    if (event.key === "Escape" && typing(event.target) && root.contains(event.target)) {
      find("#meeting-item-name")?.focus();
      return;
    }
    if (event.altKey || event.ctrlKey || event.metaKey || typing(event.target)) return;
    const act = acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  root.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys-open]")) keys.showModal();
    if (event.target.closest("[data-keys-close]")) keys.close();
  });
  const help = find("[data-keys-open]");
  if (help) help.hidden = false;

  // Where it goes on: at what is wrong, else at the item's name, from where the keys work.
  const wrong = find(".pl-field-wrong :is(input, select, textarea), [aria-invalid=true]");
  (wrong ?? find("#meeting-item-name"))?.focus();
  find("[aria-current]")?.scrollIntoView({ block: "nearest" });

  // --- following -------------------------------------------------------------------------------------------------
  const PARTS = ["meeting-head", "meeting-agenda", "meeting-foot"];
  const FOLLOWED = [...PARTS, "meeting-holder", "meeting-item", "meeting-texts"];

  async function ask() {
    if (document.hidden) return;
    const answer = await fetch(root.dataset.news, { headers: { "If-None-Match": tag }, cache: "no-store", credentials: "same-origin" });
    if (answer.status === 304 || !answer.ok || answer.redirected) return;
    const news = await answer.json();
    if (news.state !== "running") { location.reload(); return; }
    await renew(news);
    tag = answer.headers.get("ETag") ?? tag;
  }
  async function renew(news) {
    const mine = String(news.holder) === root.dataset.user;
    // Taken over in another window of one's own, or given back: a page of the other sort is needed.
    if (mine && !holds) { location.reload(); return; }
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const put = (id) => {
      const from = page.getElementById(id), to = document.getElementById(id);
      if (!from || !to || to.innerHTML === from.innerHTML || to.contains(document.activeElement)) return;
      to.innerHTML = from.innerHTML;
    };
    if (holds && !mine) lose(page, put);
    else if (holds) PARTS.filter((id) => id !== "meeting-foot").forEach(put);
    else follow(page, put);
    showElapsed();
  }
  // Somebody took the minutes over: what is typed here stays to be read and copied, and in the draft.
  function lose(page, put) {
    holds = false;
    ["meeting-head", "meeting-agenda"].forEach(put);
    const form = find("#meeting-answer");
    if (form) keepDraft(form);
    for (const one of root.querySelectorAll(".mt-save, .mt-go, .mt-foot, [data-save-text], .mt-join, .mt-off")) one.remove();
    for (const one of root.querySelectorAll("#meeting-item, #meeting-texts")) {
      for (const field of one.querySelectorAll("input, textarea")) field.readOnly = true;
    }
    find("#meeting-holder").innerHTML = page.getElementById("meeting-holder").innerHTML;
    const said = find("#meeting-holder p");
    if (said) {
      const back = document.createElement("a");
      back.className = "pl-link";
      back.href = location.pathname;
      back.textContent = "See what they show";
      said.replaceChildren(said.querySelector("strong"),
        " What you typed stays here, and comes back when you take them over again. ", back);
    }
    find("[data-follows]")?.classList.add("pl-note-warn");
    told.textContent = said?.textContent ?? "";
    root.dataset.lost = "1";
  }
  function follow(page, put) {
    if (root.dataset.lost) { PARTS.filter((id) => id !== "meeting-foot").forEach(put); return; }
    const before = find("#meeting-item-name")?.textContent;
    const focused = document.activeElement?.id;
    if (focused === "meeting-item-name") document.activeElement.blur();
    FOLLOWED.forEach(put);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    const now = find("#meeting-item-name")?.textContent;
    if (now && now !== before) told.textContent = `Now: ${now}`;
    find(".mt-list [aria-current]")?.scrollIntoView({ block: "nearest" });
  }
  (async function keepAsking() {
    for (;;) {
      await new Promise((resolve) => { setTimeout(resolve, EVERY); });
      try { await ask(); } catch { /* asked again in a moment */ }
    }
  })();
})();
