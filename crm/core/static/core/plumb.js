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
