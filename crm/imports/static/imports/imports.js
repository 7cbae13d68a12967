// The box above a column of boxes sets them all. Without this file each is set by itself.
document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-check-all]");
  if (!all) return;
  all.closest("table").querySelectorAll('tbody input[type="checkbox"]').forEach((box) => { box.checked = all.checked; });
});

// The theme writes a chosen file's name into a field beside it. These inputs show it themselves, and have no such field.
document.querySelectorAll('input[type="file"]').forEach((input) => { input.hasChangeListener = true; });

// One click is one upload: sending a large file takes a while.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-once]");
  if (!form) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  form.querySelectorAll("[data-sending]").forEach((line) => { line.hidden = false; });
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("[data-once]").forEach((form) => { delete form.dataset.sent; });
});
