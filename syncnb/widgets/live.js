// The live table's front end: a plain ES module, drawn from the traits of LiveTable (live.py).
// Rows come as [tone, ...cells in the order of `columns`, message].

const PAGE = 200; // rows in the document at once
const TOOLS_FROM = 12; // rows from which searching and filtering are worth their place
const SILENCE = 30_000; // milliseconds; the kernel is heard every 5 s or so while a table is live
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
const kept = new WeakMap(); // model -> what the reader chose; outlives a view that is drawn again

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

function parse(text) {
  if (!text) return NaN;
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
}

function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000)); // clocks may differ a little
  if (seconds < 3) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

// One node: a <tbody> of its line and, if there is one, the line of its message.

class Line {
  constructor(columns) {
    this.columns = columns;
    this.values = [];
    this.row = make("tr");
    this.cells = columns.map((name, i) => {
      const cell = i === 0 ? make("th", { scope: "row" }) : make("td");
      cell.classList.add(name);
      return cell;
    });
    this.row.append(...this.cells);
    this.body = make("tbody", {}, this.row);
  }

  draw(values, clock, quiet) {
    const [tone] = values;
    this.body.dataset.tone = tone;
    this.columns.forEach((name, i) => {
      const value = values[i + 1];
      if (name === "since") this.drawTime(this.cells[i], value, clock);
      else if (this.values[i + 1] === value && (name !== "status" || this.values[0] === tone)) return;
      else if (name === "status") this.drawStatus(this.cells[i], tone, value, quiet);
      else if (i > 0) put(this.cells[i], value);
      // "type/id" is best broken after the slash
      else this.cells[i].replaceChildren(...value.split(/(?<=\/)/).flatMap((part) => [part, make("wbr")]));
    });
    const message = values[values.length - 1];
    if (message !== (this.values[this.values.length - 1] ?? "")) this.drawMessage(message);
    this.values = values;
  }

  drawStatus(cell, tone, status, quiet) {
    const chip = make("span", { class: "chip", "data-tone": tone }, icon(tone), status);
    if (this.values.length && !quiet) chip.classList.add("new");
    cell.replaceChildren(...(status ? [chip] : []));
  }

  drawTime(cell, text, clock) {
    if (this.time?.dateTime !== text || this.format !== clock) {
      this.at = parse(text);
      this.format = clock;
      if (Number.isNaN(this.at)) return cell.replaceChildren(text);
      const iso = new Date(this.at).toISOString();
      this.time = make("time", { datetime: text, title: new Date(this.at).toLocaleString() });
      this.time.append(clock === "day" ? iso.slice(11, 19) : iso.slice(0, 19).replace("T", " "));
      this.ago = make("span", { class: "ago muted" });
      cell.replaceChildren(this.time, this.ago);
    }
  }

  tick(now, live) {
    if (this.ago) put(this.ago, live ? ` \u00b7 ${ago(now - this.at)}` : "");
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
    this.lost = false;
    this.heard = Date.now();
    this.lines = new Map();
    this.choice = kept.get(model) ?? { status: "", search: "", sort: -1, down: false, page: 0, top: 0 };
    kept.set(model, this.choice);
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
    this.table = make("table", { "aria-labelledby": id }, this.head);
    this.scroll = make("div", { class: "scroll", role: "region", "aria-labelledby": id }, this.table);
    this.empty = make("div", { class: "empty muted" });
    this.back = make("button", { type: "button" }, "\u2039 Previous");
    this.range = make("span");
    this.next = make("button", { type: "button" }, "Next \u203a");
    this.pager = make("div", { class: "pager" }, this.back, this.range, this.next);
    this.root = make(
      "div",
      { class: "syncnb-table", role: "group", "aria-labelledby": id },
      make("div", { class: "head" }, this.title, this.state),
      this.summary, this.news, this.bar, this.notice, this.tools, this.scroll, this.empty, this.pager,
    );
  }

  listen() {
    const stop = new AbortController();
    const on = (node, kind, call) => node.addEventListener(kind, call, { signal: stop.signal });
    on(this.search, "input", () => this.choose({ search: this.search.value, page: 0 }));
    on(this.back, "click", () => this.turn(-1));
    on(this.next, "click", () => this.turn(1));
    on(this.scroll, "scroll", () => { this.choice.top = this.scroll.scrollTop; });
    // Letters typed here are no commands: in some notebooks, "a" would add a cell.
    on(this.search, "keydown", (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); });

    const soon = () => {
      this.lost = false;
      this.heard = Date.now();
      this.wanted ??= requestAnimationFrame(() => { this.wanted = undefined; this.draw(); });
    };
    // Triggered by Jupyter's widget manager when the kernel is restarted.
    const gone = () => { this.lost = true; this.tick(); };
    this.model.on("change", soon);
    this.model.on("comm_live_update", gone);
    this.timer = setInterval(() => this.tick(), 1000);
    this.themes = new MutationObserver(() => this.theme());
    const watched = { attributes: true, attributeFilter: ["class", "style", "theme", "data-theme", "data-jp-theme-light", "data-jp-theme-name"] };
    for (const node of [document.documentElement, document.body]) this.themes.observe(node, watched);
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.theme());
    this.sizes = new ResizeObserver(() => { this.theme(); this.reach(); });
    this.sizes.observe(this.root);
    this.end = () => {
      stop.abort();
      this.model.off("change", soon);
      this.model.off("comm_live_update", gone);
      clearInterval(this.timer);
      clearTimeout(this.saying);
      if (this.wanted !== undefined) cancelAnimationFrame(this.wanted);
      this.themes.disconnect();
      this.sizes.disconnect();
    };
  }

  choose(change) {
    Object.assign(this.choice, change);
    this.draw();
  }

  turn(by) {
    this.choose({ page: this.choice.page + by });
    this.scroll.scrollTop = 0;
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

  // What is cut off and what scrolls must be reachable without a mouse; all else must not be a stop on the way.
  reach() {
    const said = [...this.lines.values()].filter((line) => line.second);
    const overflow = said.map((line) => line.overflows); // all are read before one is changed
    said.forEach((line, i) => line.offerMore(overflow[i]));
    if (this.scroll.scrollHeight > this.scroll.clientHeight) this.scroll.tabIndex = 0;
    else this.scroll.removeAttribute("tabindex");
  }

  draw() {
    const get = (name) => this.model.get(name);
    const rows = get("rows") ?? [];
    const focused = document.activeElement;
    this.drawHead(get, rows);
    const columns = get("columns") ?? [];
    this.drawTitles(columns, get("labels") ?? columns, rows);
    const found = this.find(rows, columns);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    this.choice.page = Math.min(Math.max(0, this.choice.page), pages - 1);
    const first = this.choice.page * PAGE;
    this.drawRows(found.slice(first, first + PAGE), columns, rows);
    const last = Math.min(first + PAGE, found.length);
    put(this.range, `${first + 1}\u2013${last} of ${found.length}`);
    this.pager.hidden = pages === 1;
    this.back.disabled = this.choice.page === 0;
    this.next.disabled = this.choice.page === pages - 1;
    this.scroll.hidden = rows.length === 0;
    this.empty.hidden = found.length > 0;
    put(this.empty, rows.length ? "No row matches." : get("empty"));
    this.tick();
    this.theme();
    this.reach();
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

  drawTitles(columns, labels, rows) {
    const shape = columns.join("\n");
    if (this.shape !== shape) {
      this.shape = shape;
      for (const line of this.lines.values()) line.body.remove();
      this.lines.clear();
      this.headRow.replaceChildren(...columns.map((name, i) => {
        const button = make("button", { type: "button" });
        button.addEventListener("click", () => this.sort(i));
        return make("th", { scope: "col", class: name }, button);
      }));
    }
    [...this.headRow.children].forEach((cell, i) => {
      put(cell.firstChild, labels[i]);
      if (this.choice.sort === i) cell.setAttribute("aria-sort", this.choice.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    const at = columns.indexOf("since") + 1;
    const times = at ? rows.map((row) => parse(row[at])).filter((time) => !Number.isNaN(time)) : [];
    const days = new Set(times.map((time) => Math.floor(time / 86_400_000)));
    this.clock = days.size > 1 ? "date" : "day";
  }

  // Up, down, and the third time the order of the source again.
  sort(i) {
    const { sort, down } = this.choice;
    if (sort !== i) this.choose({ sort: i, down: false, page: 0 });
    else this.choose(down ? { sort: -1, down: false, page: 0 } : { down: true, page: 0 });
  }

  find(rows, columns) {
    const { status, search, sort, down } = this.choice;
    const tools = rows.length >= TOOLS_FROM;
    const at = columns.indexOf("status") + 1;
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    let found = rows;
    if (tools && status) found = found.filter((row) => (row[at] || "unknown") === status);
    if (tools && words.length) {
      found = found.filter((row) => {
        const text = row.slice(1).join("\n").toLowerCase();
        return words.every((word) => text.includes(word));
      });
    }
    if (sort < 0 || sort >= columns.length) {
      // The order of the source, but nobody should have to look for what failed.
      return tools ? [...found.filter((row) => row[0] === "bad"), ...found.filter((row) => row[0] !== "bad")] : found;
    }
    const order = columns[sort] === "status"
      ? (a, b) => URGENCY[a[0]] - URGENCY[b[0]] || collator.compare(a[at], b[at])
      : (a, b) => collator.compare(a[sort + 1], b[sort + 1]);
    return [...found].sort(down ? (a, b) => order(b, a) : order);
  }

  // Lines are kept and moved, not drawn again, so that scroll position, focus and selection survive.
  drawRows(rows, columns, all) {
    const used = new Map();
    let before = this.head;
    for (const row of rows) {
      let key = row[1];
      while (used.has(key)) key += "\u0000"; // two rows of one name
      const line = this.lines.get(key) ?? new Line(columns);
      used.set(key, line);
      line.draw(row, this.clock, all.length > PAGE);
      if (before.nextSibling !== line.body) before.after(line.body);
      before = line.body;
    }
    for (const [key, line] of this.lines) if (!used.has(key)) line.body.remove();
    this.lines = used;
  }

  tick() {
    const now = Date.now();
    let state = this.model.get("state");
    if (state === "live" && this.lost) state = "lost";
    else if (state === "live" && now - this.heard > SILENCE) state = "silent";
    const [word, hint] = STATES[state];
    put(this.state, word);
    this.state.dataset.state = state;
    this.state.title = hint;
    for (const line of this.lines.values()) line.tick(now, state === "live");
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.end();
  },
};
