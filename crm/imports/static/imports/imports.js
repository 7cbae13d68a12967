// The box above a column of boxes sets them all. Without this file each is set by itself.
document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-check-all]");
  if (!all) return;
  all.closest("table").querySelectorAll('tbody input[type="checkbox"]').forEach((box) => { box.checked = all.checked; });
});
