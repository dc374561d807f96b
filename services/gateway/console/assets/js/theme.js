// Sets the theme that was chosen before anything is painted. Not a module: those run too late.
const kept = localStorage.getItem("baton-theme");
if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
