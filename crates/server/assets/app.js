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

// Graphs: zoom by buttons, by Ctrl and the wheel, by + and -; drag to move. Without scripts they scroll.
function graphOf(element) {
  const canvas = element.querySelector(".canvas");
  const svg = canvas?.querySelector("svg");
  if (!svg) return;
  const [width, height] = [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
  let scale = 1;
  const zoom = (wanted, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    const next = Math.min(3, Math.max(0.08, wanted));
    const [left, top] = [(canvas.scrollLeft + x) / scale, (canvas.scrollTop + y) / scale];
    scale = next;
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    canvas.scrollLeft = left * scale - x;
    canvas.scrollTop = top * scale - y;
  };
  const fit = (least = 0) => zoom(Math.max(least, Math.min(1, (canvas.clientWidth - 10) / width, (canvas.clientHeight - 10) / height)));
  if (width > canvas.clientWidth) zoom(Math.max(0.6, (canvas.clientWidth - 10) / width));
  canvas.querySelector(".selected")?.scrollIntoView({ block: "nearest", inline: "center" });
  element.addEventListener("click", (event) => {
    const how = event.target.closest("[data-zoom]")?.dataset.zoom;
    if (how === "in") zoom(scale * 1.25);
    else if (how === "out") zoom(scale / 1.25);
    else if (how === "one") zoom(1);
    else if (how === "fit") fit();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoom(scale * 1.25);
    else if (event.key === "-") zoom(scale / 1.25);
    else if (event.key === "0") fit();
  });
  let from = null;
  let moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType !== "mouse") return;
    from = { x: event.clientX + canvas.scrollLeft, y: event.clientY + canvas.scrollTop };
    moved = false;
  });
  addEventListener("pointermove", (event) => {
    if (!from) return;
    const [left, top] = [from.x - event.clientX, from.y - event.clientY];
    if (!moved && Math.abs(left - canvas.scrollLeft) + Math.abs(top - canvas.scrollTop) < 5) return;
    moved = true;
    canvas.classList.add("dragging");
    canvas.scrollLeft = left;
    canvas.scrollTop = top;
  });
  addEventListener("pointerup", () => {
    from = null;
    canvas.classList.remove("dragging");
  });
  canvas.addEventListener("dragstart", (event) => event.preventDefault());
  canvas.addEventListener("click", (event) => {
    if (moved) event.preventDefault();
    moved = false;
  }, true);
}
document.querySelectorAll(".graph").forEach(graphOf);

// The lines that were asked for stand in the frame.
const line = document.querySelector(".source li[data-first]");
if (line) {
  const frame = line.closest(".source");
  frame.scrollTop = line.offsetTop - frame.offsetTop - frame.clientHeight / 4;
}
