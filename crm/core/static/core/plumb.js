// Keyboard help that the theme lacks: Alt+S saves the form of the page, as the button at its end does.
document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || event.key.toLowerCase() !== "s") return;
  const save = document.querySelector('#submit-row [name="_save"]');
  if (save) {
    event.preventDefault();
    save.click();
  }
});
