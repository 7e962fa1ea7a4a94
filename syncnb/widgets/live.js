// The live table's front end: a plain ES module, drawn from the traits of LiveTable (live.py).
// Rows come as lines of text (changes.py); whoever opens the table gets all, and then what changes.

const WHOLE = 200; // rows that are in the document at once; of more, only those near what is seen
const AHEAD = 200; // pixels above and below what is seen
const TOOLS_FROM = 12; // rows from which searching and filtering are worth their place
const SILENCE = 30_000; // milliseconds; the kernel is heard every 5 s or so while a table is live
const STEPS = 8; // of the history of a row
const STYLED = new Set(["version", "status", "since"]); // no other names: hosts have styles for some
const URGENCY = { bad: 0, waiting: 1, near: 2, gone: 3, good: 4 };
const STATES = {
  live: ["live", "This table updates itself"],
  finished: ["finished", "Nothing will change any more"],
  stopped: ["stopped", "This table does not update itself any more"],
  silent: ["no news", "The kernel or the service has not been heard for a while"],
  lost: ["kernel gone", "The kernel was restarted: run the cell again"],
};
const ICONS = {
  good: "M2.5 6.5 5 9l4.5-6",
  near: "M6 1.5v8M2.5 6.5 6 10l3.5-3.5",
  waiting: "M6 3v3l2 1.5M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1",
  bad: "M6 1.5v5.5M6 9.7v.8",
  gone: "M3 3l6 6M9 3l-6 6",
};
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const stores = new Map(); // uid of a table -> its rows, and what the reader chose; all views share them

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Only if they are not these already: to move a node ends its animation and takes its focus.
function arrange(parent, nodes) {
  const same = nodes.length === parent.children.length && nodes.every((node, i) => node === parent.children[i]);
  if (!same) parent.replaceChildren(...nodes);
}

function icon(tone) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(ns, "path"));
  svg.firstChild.setAttribute("d", ICONS[tone] ?? ICONS.waiting);
  return svg;
}

// Times

function clockOf(at, clock) {
  const iso = new Date(at).toISOString();
  return clock === "day" ? iso.slice(11, 19) : iso.slice(0, 19).replace("T", " ");
}

function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000)); // clocks may differ a little
  if (seconds < 3) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

// The rows of a table, as the kernel has them.

const UNESCAPED = { "\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r" };
const unescape = (text) => (text.includes("\\") ? text.replace(/\\[\\tnr]/g, (found) => UNESCAPED[found]) : text);

class Store {
  constructor(model) {
    this.model = model;
    this.serial = -1;
    this.rows = [];
    this.choice = { status: "", search: "", sort: -1, down: false, top: 0, active: "" };
    this.views = new Set();
    this.heard = Date.now();
    this.lost = false;
    this.load();
    const changed = () => { this.lost = false; this.heard = Date.now(); this.follow(); this.tell(); };
    // Triggered by Jupyter's widget manager when the kernel is restarted.
    const gone = () => { this.lost = true; this.tell(); };
    model.on("change", changed);
    model.on("comm_live_update", gone);
    this.end = () => { model.off("change", changed); model.off("comm_live_update", gone); };
  }

  static of(model) {
    const uid = model.get("uid");
    if (!stores.has(uid)) stores.set(uid, new Store(model));
    return stores.get(uid);
  }

  tell() {
    for (const view of this.views) view.soon();
  }

  load() {
    const [serial, ...lines] = this.model.get("lines").split("\n");
    const known = new Map(this.rows.map((row) => [row.key, row]));
    this.columns = this.model.get("columns");
    this.serial = Number(serial);
    this.rows = lines.map((line) => this.read(line));
    this.name();
    for (const row of this.rows) row.height = known.get(row.key)?.height ?? 0;
  }

  follow() {
    const patch = this.model.get("patch");
    const [all] = this.model.get("lines").split("\n", 1);
    if (patch.serial === this.serial + 1) this.apply(patch);
    if (Number(all) > this.serial) this.load();
    else if (patch.serial > this.serial) this.model.send({ ask: "lines" });
  }

  apply({ serial, at, rows, runs }) {
    const changed = at.length ? rows.split("\n").map((line) => this.read(line)) : [];
    if (runs.length) this.rows = runs.flatMap(([from, count]) => (from < 0 ? Array(count) : this.rows.slice(from, from + count)));
    changed.forEach((row, i) => { row.height = 0; this.rows[at[i]] = row; });
    this.serial = serial;
    this.name();
  }

  read(line) {
    const statuses = this.model.get("statuses");
    const parts = line.split("\t");
    const row = { cells: parts.slice(0, this.columns.length).map(unescape), tone: "waiting", at: NaN, steps: [], height: 0 };
    row.message = unescape(parts[this.columns.length]);
    this.columns.forEach((name, i) => {
      if (name === "status") [row.cells[i], row.tone] = statuses[Number(parts[i])];
      else if (name === "since" && /^\d+$/.test(parts[i])) {
        row.at = Number(parts[i]);
        row.cells[i] = new Date(row.at).toISOString();
      }
    });
    let when = row.at; // of the newest step; the others are told from it backwards
    for (const step of (parts[this.columns.length + 1] || "").split(" ").filter(Boolean).reverse()) {
      const [number, seconds] = step.split(":");
      const [status, tone] = statuses[Number(number)];
      row.steps.unshift({ status, tone, at: when });
      when -= 1000 * Number(seconds ?? 0);
    }
    return row;
  }

  // Two rows may have one name.
  name() {
    const seen = new Set();
    let [first, last] = [Infinity, -Infinity];
    for (const row of this.rows) {
      row.key = row.cells[0];
      while (seen.has(row.key)) row.key += "\u0000";
      seen.add(row.key);
      if (row.at < first) first = row.at;
      if (row.at > last) last = row.at;
    }
    this.clock = Math.floor(first / 86_400_000) < Math.floor(last / 86_400_000) ? "date" : "day";
  }
}

// One node: a <tbody> of its line and, if there is one, the line of its message.

class Line {
  constructor(columns) {
    this.columns = columns;
    this.row = make("tr", { tabindex: "-1" });
    this.cells = columns.map((name, i) => {
      const cell = i === 0 ? make("th", { scope: "row" }) : make("td");
      if (STYLED.has(name)) cell.classList.add(name);
      return cell;
    });
    this.row.append(...this.cells);
    this.body = make("tbody", {}, this.row);
  }

  draw(row, clock, quiet) {
    if (this.shown === row && this.clock === clock) return;
    const same = this.shown?.key === row.key; // else another row takes over what was drawn for one
    const glow = same && !quiet && this.shown.cells.join("\n") !== row.cells.join("\n");
    this.body.dataset.tone = row.tone;
    this.columns.forEach((name, i) => {
      const value = row.cells[i];
      if (name === "since") this.drawTime(this.cells[i], row, clock);
      else if (name === "status") this.drawStatus(this.cells[i], row, glow);
      else if (this.shown?.cells[i] === value) return;
      else if (i > 0) put(this.cells[i], value);
      // "type/id" is best broken after the slash
      else this.cells[i].replaceChildren(...value.split(/(?<=\/)/).flatMap((part) => [part, make("wbr")]));
    });
    if (!same || row.message !== this.shown.message) this.drawMessage(row.message);
    this.shown = row;
    this.clock = clock;
  }

  drawStatus(cell, { cells, tone, steps }, glow) {
    const status = cells[this.columns.indexOf("status")];
    if (!this.chip) {
      this.path = icon(tone);
      this.word = document.createTextNode("");
      this.chip = make("span", { class: "chip" }, this.path, this.word);
      this.steps = make("span", { class: "steps", role: "img" });
      cell.append(this.chip, this.steps);
    }
    this.chip.hidden = !status;
    this.chip.dataset.tone = tone;
    this.chip.classList.toggle("new", glow);
    this.path.firstChild.setAttribute("d", ICONS[tone] ?? ICONS.waiting);
    this.word.data = status;
    this.steps.hidden = steps.length < 2;
    if (steps.length < 2) return;
    const said = steps.map((step) => (step.at > 0 ? `${step.status} ${clockOf(step.at, "day")}` : step.status)).join(", ");
    this.steps.setAttribute("aria-label", `History: ${said}`);
    this.steps.title = said;
    while (this.steps.childElementCount > steps.length) this.steps.lastChild.remove();
    while (this.steps.childElementCount < steps.length) this.steps.append(make("i"));
    steps.forEach((step, n) => { this.steps.children[n].dataset.tone = step.tone; });
  }

  drawTime(cell, row, clock) {
    const text = row.cells[this.columns.indexOf("since")];
    if (Number.isNaN(row.at)) {
      this.ago = undefined;
      return cell.replaceChildren(text);
    }
    if (!this.ago) {
      this.time = make("time", {}, "");
      this.ago = make("span", { class: "ago muted" });
      cell.replaceChildren(this.time, this.ago);
    }
    this.time.dateTime = text;
    this.time.title = `${text.slice(0, 19).replace("T", " ")} UTC`;
    put(this.time, clockOf(row.at, clock));
  }

  tick(now, live) {
    if (this.ago) put(this.ago, live ? ` \u00b7 ${ago(now - this.shown.at)}` : "");
  }

  // How many lines a message takes depends on the width of the page.
  get overflows() {
    return this.words.scrollHeight > this.words.clientHeight + 1;
  }

  offerMore(overflows) {
    if (!this.words.classList.contains("short")) return;
    if (overflows) this.words.after(this.more);
    else this.more.remove();
  }

  drawMessage(message) {
    this.second?.remove();
    this.second = undefined;
    if (!message) return;
    const words = make("div", { class: "words short" }, message);
    const more = make("button", { type: "button", "aria-expanded": "false" }, "Show all");
    more.addEventListener("click", () => {
      const short = words.classList.toggle("short");
      more.setAttribute("aria-expanded", String(!short));
      put(more, short ? "Show all" : "Show less");
      if (short) words.removeAttribute("tabindex");
      else words.tabIndex = 0; // what scrolls must be reachable without a mouse
      this.shown.height = 0;
    });
    this.words = words;
    this.more = more;
    const cell = make("td", { class: "message", colspan: this.columns.length }, words);
    this.second = make("tr", {}, cell);
    this.body.append(this.second);
  }
}

// The whole table

class View {
  constructor(model, el) {
    this.model = model;
    this.store = Store.of(model);
    this.choice = this.store.choice;
    this.lines = new Map();
    this.found = [];
    this.offsets = new Float64Array(1);
    this.plain = 29; // pixels of a row, and with a message, until one was measured
    this.tall = 53;
    this.build();
    el.append(this.root);
    this.listen();
    this.draw();
    this.scroll.scrollTop = this.choice.top;
  }

  build() {
    const id = `syncnb-${Math.random().toString(36).slice(2)}`;
    this.title = make("div", { class: "title", id });
    this.state = make("span", { class: "state" });
    this.summary = make("div", { class: "summary" });
    this.news = make("div", { class: "unseen", role: "status" });
    this.bar = make("div", { class: "bar", role: "progressbar", "aria-labelledby": id });
    this.notice = make("div", { class: "notice", role: "alert" });
    this.filters = make("div", { role: "group", "aria-label": "Statuses shown", style: "display:contents" });
    this.search = make("input", { type: "search", placeholder: "Search", "aria-label": "Search rows" });
    this.search.value = this.choice.search;
    this.tools = make("div", { class: "tools" }, this.filters, this.search);
    this.headRow = make("tr");
    this.head = make("thead", {}, this.headRow);
    this.above = make("tbody", { class: "gap", "aria-hidden": "true" });
    this.below = make("tbody", { class: "gap", "aria-hidden": "true" });
    this.widest = make("tbody", { class: "widest", "aria-hidden": "true" });
    this.table = make(
      "table", { role: "grid", "aria-labelledby": id, "aria-multiselectable": "true" },
      this.head, this.above, this.below, this.widest,
    );
    this.scroll = make("div", { class: "scroll", "data-lm-suppress-shortcuts": "true", tabindex: "-1" }, this.table);
    this.empty = make("div", { class: "empty muted" });
    this.picked = make("span");
    this.clear = make("button", { type: "button" }, "Clear");
    this.selection = make("div", { class: "selection" }, this.picked, this.clear);
    this.root = make(
      "div",
      { class: "syncnb-table", role: "group", "aria-labelledby": id },
      make("div", { class: "head" }, this.title, this.state),
      this.summary, this.news, this.bar, this.notice, this.tools, this.scroll, this.empty, this.selection,
    );
  }

  listen() {
    const stop = new AbortController();
    const on = (node, kind, call) => node.addEventListener(kind, call, { signal: stop.signal });
    on(this.search, "input", () => this.choose({ search: this.search.value }));
    on(this.clear, "click", () => { this.select([]); (this.stop ?? this.scroll).focus(); });
    on(this.scroll, "scroll", () => {
      this.choice.top = this.scroll.scrollTop;
      this.scrolled ??= requestAnimationFrame(() => { this.scrolled = undefined; this.drawNear(); });
    });
    on(this.table, "click", (event) => this.click(event));
    on(this.table, "focusin", ({ target }) => this.enter(target.closest?.("tr[data-key]")?.dataset.key));
    // Letters typed here are no commands: in some notebooks, "a" would add a cell.
    on(this.search, "keydown", (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); });
    on(this.scroll, "keydown", (event) => this.key(event));

    this.store.views.add(this);
    this.timer = setInterval(() => this.tick(), 1000);
    this.themes = new MutationObserver(() => this.theme());
    const watched = { attributes: true, attributeFilter: ["class", "style", "theme", "data-theme", "data-jp-theme-light", "data-jp-theme-name"] };
    for (const node of [document.documentElement, document.body]) this.themes.observe(node, watched);
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.theme());
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(this.root);
    this.end = () => {
      stop.abort();
      this.store.views.delete(this);
      clearInterval(this.timer);
      clearTimeout(this.saying);
      for (const wanted of [this.wanted, this.scrolled]) if (wanted !== undefined) cancelAnimationFrame(wanted);
      this.themes.disconnect();
      this.sizes.disconnect();
    };
  }

  soon() {
    this.wanted ??= requestAnimationFrame(() => { this.wanted = undefined; this.draw(); });
  }

  choose(change) {
    Object.assign(this.choice, change);
    this.draw();
  }

  resized() {
    this.theme();
    if (this.width !== this.root.clientWidth) {
      this.width = this.root.clientWidth;
      for (const row of this.store.rows) row.height = 0;
    }
    this.drawRows();
  }

  // Dark or light is read off the colour of the text, which every host sets.
  theme() {
    const [r, g, b] = (getComputedStyle(this.root).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    this.root.dataset.theme = 0.3 * r + 0.6 * g + 0.1 * b > 140 ? "dark" : "light";
    // The titles stay above the rows that scroll below them, so they need what is behind the table.
    for (let node = this.root.parentElement; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/^rgba\(|^transparent$/.test(colour)) return this.root.style.setProperty("--page", colour);
    }
    this.root.style.removeProperty("--page");
  }

  // What is cut off must be reachable without a mouse; all else must not be a stop on the way.
  reach() {
    const said = [...this.lines.values()].filter((line) => line.second);
    const overflow = said.map((line) => line.overflows); // all are read before one is changed
    said.forEach((line, i) => line.offerMore(overflow[i]));
  }

  draw() {
    const get = (name) => this.model.get(name);
    const { rows, columns } = this.store;
    const focused = document.activeElement;
    this.drawHead(get, rows);
    this.drawTitles(columns, get("labels"));
    this.found = this.find(rows, columns);
    this.table.setAttribute("aria-rowcount", this.found.length + 1);
    this.scroll.hidden = rows.length === 0;
    this.empty.hidden = this.found.length > 0;
    put(this.empty, rows.length ? "No row matches." : get("empty"));
    const selected = get("selected");
    this.selected = new Set(selected);
    this.selection.hidden = selected.length === 0;
    put(this.picked, `${selected.length} selected`);
    if (this.found.length > WHOLE) this.holdWidths(columns);
    else this.widest.replaceChildren();
    this.drawRows();
    this.theme();
    this.tick();
    if (focused !== document.activeElement && this.root.contains(focused)) focused.focus({ preventScroll: true });
  }

  drawHead(get, rows) {
    put(this.title, get("title"));
    this.announce(get("summary"));
    put(this.notice, get("notice"));
    this.notice.hidden = !get("notice");
    const counts = get("counts") ?? [];
    this.bar.hidden = rows.length === 0;
    this.bar.setAttribute("aria-valuemax", rows.length);
    this.bar.setAttribute("aria-valuenow", counts.find(([, tone]) => tone === "good")?.[2] ?? 0);
    this.bar.setAttribute("aria-valuetext", get("summary"));
    this.drawBar(counts);
    this.tools.hidden = rows.length < TOOLS_FROM;
    // The buttons of a large table say the rest of the sentence.
    put(this.summary, rows.length ? get("summary").split(this.tools.hidden ? "\n" : ",")[0] : "");
    if (!this.tools.hidden) this.drawFilters(counts, rows.length);
  }

  // A large roll-out changes many times a second; whoever listens hears it every four seconds.
  announce(summary) {
    this.say = summary;
    this.saying ??= setTimeout(() => { this.saying = undefined; put(this.news, this.say); }, 4000);
  }

  drawBar(counts) {
    const parts = new Map([...this.bar.children].map((part) => [part.dataset.status, part]));
    arrange(this.bar, counts.map(([status, tone, number]) => {
      const part = parts.get(status) ?? make("span", { "data-status": status, "data-tone": tone });
      part.style.flexGrow = number;
      return part;
    }));
  }

  drawFilters(counts, total) {
    const wanted = [["", "", total], ...counts];
    if (!wanted.some(([status]) => status === this.choice.status)) wanted.push([this.choice.status, "waiting", 0]);
    const buttons = new Map([...this.filters.children].map((button) => [button.dataset.status, button]));
    arrange(this.filters, wanted.map(([status, tone, number]) => {
      let button = buttons.get(status);
      if (!button) {
        button = make("button", { type: "button", "data-status": status });
        if (tone) button.dataset.tone = tone;
        button.addEventListener("click", () => this.choose({ status, page: 0 }));
      }
      put(button, status ? `${number} ${status}` : `all ${number}`);
      button.setAttribute("aria-pressed", String(status === this.choice.status));
      return button;
    }));
  }

  drawTitles(columns, labels) {
    const shape = columns.join("\n");
    if (this.shape !== shape) {
      this.shape = shape;
      for (const line of this.lines.values()) line.body.remove();
      this.lines.clear();
      this.headRow.replaceChildren(...columns.map((name, i) => {
        const button = make("button", { type: "button" });
        button.addEventListener("click", () => this.sort(i));
        return make("th", { scope: "col", ...(STYLED.has(name) && { class: name }) }, button);
      }));
    }
    [...this.headRow.children].forEach((cell, i) => {
      put(cell.firstChild, labels[i]);
      if (this.choice.sort === i) cell.setAttribute("aria-sort", this.choice.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  // Columns would change their widths while rows come and go: the longest texts of all hold them open.
  holdWidths(columns) {
    const longest = columns.map(() => "");
    for (const { cells } of this.store.rows) {
      for (let i = 0; i < cells.length; i++) if (cells[i].length > longest[i].length) longest[i] = cells[i];
    }
    const same = longest.join("\t");
    if (this.held === same && this.widest.firstChild) return;
    this.held = same;
    this.widest.replaceChildren(make("tr", {}, ...columns.map((name, i) => {
      let text = longest[i];
      if (name === "since") text = `${clockOf(0, this.store.clock)} \u00b7 59 min ago`;
      const box = make("div", {}, text);
      if (name === "status") box.append(make("span", { class: "steps" }, ...Array.from({ length: STEPS }, () => make("i"))));
      return make("td", STYLED.has(name) ? { class: name } : {}, box);
    })));
  }

  // Up, down, and the third time the order of the source again.
  sort(i) {
    const { sort, down } = this.choice;
    if (sort !== i) this.choose({ sort: i, down: false });
    else this.choose(down ? { sort: -1, down: false } : { down: true });
  }

  find(rows, columns) {
    const { status, search, sort, down } = this.choice;
    const tools = rows.length >= TOOLS_FROM;
    const at = columns.indexOf("status");
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    let found = rows;
    if (tools && status) found = found.filter((row) => (row.cells[at] || "unknown") === status);
    if (tools && words.length) {
      found = found.filter((row) => {
        row.text ??= `${row.cells.join("\n")}\n${row.message}`.toLowerCase();
        return words.every((word) => row.text.includes(word));
      });
    }
    if (sort < 0 || sort >= columns.length) {
      // The order of the source, but nobody should have to look for what failed.
      return tools ? [...found.filter((row) => row.tone === "bad"), ...found.filter((row) => row.tone !== "bad")] : found;
    }
    const order = sort === at
      ? (a, b) => URGENCY[a.tone] - URGENCY[b.tone] || collator.compare(a.cells[at], b.cells[at])
      : (a, b) => collator.compare(a.cells[sort], b.cells[sort]);
    return [...found].sort(down ? (a, b) => order(b, a) : order);
  }

  // Rows in the document

  place() {
    const { found, plain, tall } = this;
    if (this.offsets.length !== found.length + 1) this.offsets = new Float64Array(found.length + 1);
    let offset = 0;
    found.forEach((row, i) => { this.offsets[i] = offset; offset += row.height || (row.message ? tall : plain); });
    this.offsets[found.length] = offset;
  }

  // The row at a height, by halves.
  at(offset) {
    let [low, high] = [0, this.found.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.offsets[middle + 1] <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  near() {
    if (this.found.length <= WHOLE) return [0, this.found.length];
    const { scrollTop, clientHeight } = this.scroll;
    return [this.at(scrollTop - AHEAD), Math.min(this.found.length, this.at(scrollTop + clientHeight + AHEAD) + 1)];
  }

  drawRows() {
    this.place();
    if (!this.found.some((row) => row.key === this.choice.active)) this.choice.active = this.found[0]?.key ?? "";
    this.drawNear();
  }

  // Lines are kept and moved, not drawn again, so that scroll position, focus and selection survive.
  drawNear() {
    const [first, last] = this.near();
    const rows = this.found.slice(first, last);
    const wanted = new Set(rows.map((row) => row.key));
    const free = [];
    for (const [key, line] of this.lines) {
      if (wanted.has(key)) continue;
      if (line.body.contains(document.activeElement)) this.scroll.focus({ preventScroll: true });
      this.lines.delete(key);
      free.push(line);
    }
    const quiet = this.found.length > WHOLE;
    let before = this.above;
    rows.forEach((row, i) => {
      let line = this.lines.get(row.key);
      if (!line) this.lines.set(row.key, (line = free.shift() ?? new Line(this.store.columns)));
      line.draw(row, this.store.clock, quiet);
      line.row.dataset.key = row.key;
      line.row.setAttribute("aria-rowindex", first + i + 2);
      line.row.setAttribute("aria-selected", String(this.selected.has(row.key)));
      line.row.tabIndex = row.key === this.choice.active ? 0 : -1;
      if (before.nextSibling !== line.body) before.after(line.body);
      before = line.body;
    });
    for (const line of free) line.body.remove();
    this.stop = this.lines.get(this.choice.active)?.row;
    this.scroll.tabIndex = this.stop || !rows.length ? -1 : 0; // where the keys go on if that row is far away
    this.reach();
    this.space(first, last);
    this.measure(rows, first);
    this.tick();
  }

  space(first, last) {
    const total = this.offsets[this.found.length];
    for (const [gap, height] of [[this.above, this.offsets[first]], [this.below, total - this.offsets[last]]]) {
      if (Number(gap.dataset.height ?? -1) === height) continue;
      gap.dataset.height = height;
      gap.replaceChildren(...(height ? [make("tr", {}, make("td", { colspan: this.store.columns.length, style: `height:${height}px` }))] : []));
    }
  }

  // What is measured moves no row that is seen: what is above it is made up for.
  measure(rows, first) {
    if (this.found.length <= WHOLE || !this.scroll.clientHeight) return; // few, or not on the page yet
    const seen = this.at(this.scroll.scrollTop);
    const before = this.offsets[seen];
    const heights = rows.map((row) => this.lines.get(row.key).body.offsetHeight); // all are read first
    let changed = false;
    rows.forEach((row, i) => {
      changed ||= heights[i] !== this.offsets[first + i + 1] - this.offsets[first + i];
      row.height = heights[i];
      if (row.message) this.tall = row.height;
      else this.plain = row.height;
    });
    if (!changed) return;
    this.place();
    this.space(first, first + rows.length);
    const shift = this.offsets[seen] - before;
    if (shift) this.scroll.scrollTop += shift;
  }

  // Keys and clicks

  enter(key) {
    if (key === undefined || key === this.choice.active) return;
    if (this.stop) this.stop.tabIndex = -1;
    this.choice.active = key;
    this.stop = this.lines.get(key)?.row;
    if (this.stop) this.stop.tabIndex = 0;
  }

  go(to) {
    const place = Math.max(0, Math.min(this.found.length - 1, to));
    const row = this.found[place];
    if (!row) return;
    this.choice.active = row.key;
    for (let round = 0; round < 2; round++) { // the heights on the way are known only when they were drawn
      const [top, bottom] = [this.offsets[place], this.offsets[place + 1]];
      const room = this.scroll.clientHeight - this.head.offsetHeight;
      if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
      else if (bottom > this.scroll.scrollTop + room) this.scroll.scrollTop = bottom - room;
      this.drawRows();
    }
    this.stop?.focus({ preventScroll: true });
  }

  key(event) {
    if (event.target.closest("button, input, .words[tabindex]")) return;
    const here = this.found.findIndex((row) => row.key === this.choice.active);
    const page = Math.max(1, this.at(this.scroll.scrollTop + this.scroll.clientHeight) - this.at(this.scroll.scrollTop) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps && !event.altKey) {
      this.go(here + steps[event.key]);
      if (event.shiftKey) this.select([...this.selected, this.choice.active]);
    } else if (event.key === " ") this.toggle(this.choice.active);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.select(this.found.map((row) => row.key));
    else if (event.key === "Escape" && this.selected.size) this.select([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  click(event) {
    const key = event.target.closest("tr[data-key]")?.dataset.key;
    if (key === undefined || event.target.closest("button") || !getSelection().isCollapsed) return;
    if (event.ctrlKey || event.metaKey) this.toggle(key);
    else if (event.shiftKey) this.reachTo(key);
    else this.select(this.selected.size === 1 && this.selected.has(key) ? [] : [key]);
    this.anchor = event.shiftKey ? this.anchor : key;
  }

  reachTo(key) {
    const places = [this.anchor, key].map((one) => this.found.findIndex((row) => row.key === one));
    const [from, to] = [Math.max(0, Math.min(...places)), Math.max(...places)];
    this.select(this.found.slice(from, to + 1).map((row) => row.key));
  }

  toggle(key) {
    this.select(this.selected.has(key) ? [...this.selected].filter((one) => one !== key) : [...this.selected, key]);
  }

  select(keys) {
    this.selected = new Set(keys); // also for the next key, which may come before it is drawn
    this.model.set("selected", [...this.selected]);
    this.model.save_changes();
    this.store.tell();
  }

  tick() {
    const now = Date.now();
    const { lost, heard } = this.store;
    let state = this.model.get("state");
    if (state === "live" && lost) state = "lost";
    else if (state === "live" && now - heard > SILENCE) state = "silent";
    const [word, hint] = STATES[state];
    put(this.state, word);
    this.state.dataset.state = state;
    this.state.title = hint;
    for (const line of this.lines.values()) line.tick(now, state === "live");
  }
}

export default {
  initialize({ model }) {
    const store = Store.of(model); // hears what changes from the beginning, also while nobody looks
    return () => { store.end(); stores.delete(model.get("uid")); };
  },
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.end();
  },
};
