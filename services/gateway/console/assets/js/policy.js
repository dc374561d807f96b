// A dialog opens when htmx has filled it.
document.addEventListener("htmx:after:swap", (event) => {
  const dialog = event.detail.ctx?.target;
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
});
