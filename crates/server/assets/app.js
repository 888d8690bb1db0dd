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

// Filters as one types: `data-find` names what is hidden where the text is not in it.
document.addEventListener("input", (event) => {
  const where = event.target.dataset?.find;
  if (!where) return;
  const text = event.target.value.toLowerCase();
  const scope = event.target.closest("section, .card") ?? document;
  for (const part of scope.querySelectorAll(where)) {
    part.hidden = text !== "" && !part.textContent.toLowerCase().includes(text);
  }
});

// A run: one selection for all views, and what happens in it, as `ui/run/stream.rs` says.
const run = document.querySelector(".run[data-run]");
if (run) follow(run);

function follow(run) {
  const base = `/runs/${run.dataset.run}`;
  const find = (id) => document.getElementById(id);
  const chosen = () => new URLSearchParams(location.search).get("block") ?? "";
  const withoutItems = (path) => path.replace(/\[.*?\](?=\.|$)/g, "");
  let asked = 0;

  async function load(target, address) {
    const answer = await fetch(address);
    if (!answer.ok || answer.redirected) return location.reload();
    const text = await answer.text();
    target.innerHTML = text;
    target.querySelectorAll(".graph").forEach(graphOf);
  }

  async function panel(block, from) {
    const mine = ++asked;
    const query = new URLSearchParams({ block });
    if (from) query.set("from", from);
    const target = find("panel");
    const scroll = target.scrollTop;
    const answer = await fetch(`${base}/panel?${query}`);
    if (!answer.ok || mine !== asked) return;
    const open = [...target.querySelectorAll("details")].map((it) => it.open);
    const isSame = target.dataset.block === block;
    target.innerHTML = await answer.text();
    target.dataset.block = block;
    if (isSame) {
      target.querySelectorAll("details").forEach((it, n) => n < open.length && (it.open = open[n]));
      target.scrollTop = scroll;
    }
  }

  function select(block) {
    const id = withoutItems(block);
    for (const part of find("views").querySelectorAll("[data-block]")) {
      part.classList.toggle("selected", part.dataset.block === id && !part.matches(".row a"));
    }
  }

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a[data-block]");
    if (link) {
      event.preventDefault();
      const { block, from } = link.dataset;
      const query = new URLSearchParams(location.search);
      query.set("block", block);
      if (from) query.set("from", from);
      else query.delete("from");
      history.pushState(null, "", `?${query}`);
      select(block);
      panel(block, from);
      return;
    }
    const view = event.target.closest(".switch a[data-view]");
    if (view) {
      event.preventDefault();
      const query = new URLSearchParams(location.search);
      query.set("view", view.dataset.view);
      history.pushState(null, "", `?${query}`);
      load(find("views"), `${base}/view?${query}`);
    }
  });
  addEventListener("popstate", () => {
    load(find("views"), `${base}/view${location.search}`);
    panel(chosen(), new URLSearchParams(location.search).get("from"));
  });

  if ("ended" in run.dataset) return;

  // What changed is put where it stands: classes of the graph, cells of the list.
  let last = run.dataset.seq;
  let isPaused = false;
  let held = null;
  let lost = false;
  let source = null;
  const since = new Map();
  const known = () => new Set([...find("views").querySelectorAll("[data-block]")].map((it) => it.dataset.block));

  function show(text, tone) {
    const box = find("stream-state");
    box.hidden = !text;
    box.textContent = text;
    box.className = `notice n-${tone ?? "warn"}`;
  }

  function classes(element, next) {
    const keep = [...element.classList].filter((name) => !name.startsWith("s-") && name !== "skipped");
    element.setAttribute("class", [...keep, ...next.split(" ")].join(" "));
  }

  function put(row) {
    if (row.since) since.set(row.id, row.since);
    else since.delete(row.id);
    for (const part of find("views").querySelectorAll(`[data-block="${CSS.escape(row.id)}"]`)) {
      if (part.matches("a.node")) {
        classes(part, row.class);
        part.querySelector(".sign").textContent = row.sign;
        part.querySelector(".meta").textContent = row.meta;
        part.setAttribute("aria-label", `${part.dataset.name}, ${row.words}`);
      } else if (part.matches(".row")) {
        const state = part.querySelector(".state");
        if (state) {
          classes(state, row.class);
          const sign = state.querySelector(".sign");
          sign.textContent = row.sign;
          while (sign.nextSibling) sign.nextSibling.remove();
          state.append(row.word);
        }
        const cell = (name, text) => {
          const it = part.querySelector(`[data-part="${name}"]`);
          if (it) it.textContent = text;
        };
        cell("outcome", row.outcome ?? "");
        cell("meta", row.meta);
        cell("tally", row.tally);
        cell("attempt", row.attempt > 1 ? row.attempt : "");
      }
    }
    if (row.way === null) return;
    for (const edge of find("views").querySelectorAll(`[data-from="${CSS.escape(row.id)}"]`)) {
      const taken = edge.dataset.outcomes.split(", ").includes(row.way);
      edge.setAttribute("class", taken ? "way taken" : "way dead");
    }
  }

  let panelDue = 0;
  function refreshPanel() {
    const busy = find("panel").contains(document.activeElement) || !getSelection().isCollapsed;
    if (panelDue || busy) return;
    panelDue = setTimeout(() => {
      panelDue = 0;
      panel(chosen(), new URLSearchParams(location.search).get("from"));
    }, 1500);
  }

  let viewDue = 0;
  function refreshView() {
    if (viewDue) return;
    viewDue = setTimeout(() => {
      viewDue = 0;
      load(find("views"), `${base}/view${location.search}`);
    }, 2000);
  }

  function take(news) {
    const names = known();
    news.rows.forEach(put);
    find("run-done").textContent = news.done.toLocaleString("en");
    find("run-all").textContent = news.all.toLocaleString("en");
    const state = find("run-state").querySelector(".state");
    if (!state.textContent.endsWith(news.phase)) {
      state.className = `state pill ${news.class}`;
      state.innerHTML = '<span class="sign" aria-hidden="true"></span>';
      state.firstChild.textContent = news.sign;
      state.append(news.phase);
      say(`the run is ${news.phase}`);
    }
    const id = withoutItems(chosen());
    if (id && news.rows.some((row) => row.id === id || row.id.startsWith(`${id}.`))) refreshPanel();
    const view = find("view-body").dataset.view;
    const isNew = view === "list" && news.rows.some((row) => !names.has(row.id));
    if (view === "timeline" || isNew) refreshView();
    if (news.ended) {
      source?.close();
      // Actions, value and error are those of a run that has ended.
      setTimeout(() => location.reload(), 400);
    }
  }

  function merge(before, news) {
    if (!before) return news;
    const rows = new Map(before.rows.map((row) => [row.id, row]));
    news.rows.forEach((row) => rows.set(row.id, row));
    return { ...news, rows: [...rows.values()] };
  }

  function connect() {
    source?.close();
    source = new EventSource(`${base}/stream?after=${last}`);
    source.addEventListener("open", () => {
      if (!lost) return;
      lost = false;
      show("Connected again: what is shown has caught up.", "good");
      setTimeout(() => lost || show(""), 3000);
    });
    source.addEventListener("news", (event) => {
      last = event.lastEventId;
      const news = JSON.parse(event.data);
      if (isPaused) held = merge(held, news);
      else take(news);
    });
    source.addEventListener("error", () => {
      lost = true;
      show("The connection is lost. What is shown may be old; trying again…");
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
    });
  }

  find("pause")?.addEventListener("click", (event) => {
    isPaused = !isPaused;
    event.target.setAttribute("aria-pressed", isPaused);
    event.target.textContent = isPaused ? "Go on" : "Pause view";
    if (!isPaused && held) take(held);
    held = null;
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source?.close();
    else connect();
  });
  setInterval(() => {
    if (isPaused) return;
    for (const [id, time] of since) {
      const seconds = Math.floor((Date.now() - Date.parse(time)) / 1000);
      if (seconds < 1) continue;
      for (const part of find("views").querySelectorAll(`[data-block="${CSS.escape(id)}"]`)) {
        const cell = part.querySelector('.meta, [data-part="meta"]');
        if (cell) cell.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
      }
    }
  }, 1000);
  connect();
}
