// What pages do beyond links and forms. Every page is complete without it.

const root = document.documentElement;

/** Says something to screen readers, politely. */
export function say(text) {
  const live = document.getElementById("live");
  if (live) live.textContent = text;
}

// Theme: the system's, unless chosen here.
document.getElementById("theme")?.addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Then the choice lasts as long as the page.
  }
  say(`${root.dataset.theme} theme`);
});

// Copy buttons: `data-copy` holds the text.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = "copied";
    say("copied");
    setTimeout(() => (button.textContent = before), 1200);
  } catch {
    say("the browser did not let this page copy");
  }
});

// Keys: g and a letter go to a page, / to the search field.
const places = { s: "/", b: "/blueprints", r: "/runs", v: "/vault", t: "/triggers", a: "/api", d: "/diagnostics" };
let went = 0;
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    const search = document.querySelector('input[type="search"]');
    if (search) {
      event.preventDefault();
      search.focus();
    }
  } else if (event.key === "g") {
    went = event.timeStamp;
    return;
  } else if (places[event.key] && went && event.timeStamp - went < 1500) {
    location.href = places[event.key];
  }
  went = 0;
});

// Relative times keep up with the clock.
function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}
setInterval(() => {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const passed = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (passed >= 0) time.textContent = ago(passed);
  }
}, 10000);
