// The theme that was chosen last, set before anything is drawn.
const theme = (() => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
})();
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
document.documentElement.classList.add("js");
