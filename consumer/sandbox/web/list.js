const KEPT = 10000, STEP = 100;
const FATES = {
  accepted: ["✓", "accepted"], double: ["=", "double"], refused: ["✕", "refused"],
  unanswered: ["?", "no answer"], ignored: ["–", "ignored"], dead_letter: ["†", "dead letter"],
};
const off = new Set();
let items = [], newest = 0, searched = "", limit = STEP, view = "order", now_s = 0;
let about = {example: null};

const atSeg = item => item.fate !== "ignored" && item.fate !== "dead_letter";
const whatOf = item =>
  item.call?.event ?? item.call?.type ?? (atSeg(item) ? "no call" : "no event");

function matches(item) {
  if (off.has(item.fate)) return false;
  if (!searched) return true;
  item.hay ??= JSON.stringify([item.call, item.why, item.text, item.status, item.record_key])
    .toLowerCase();
  return item.hay.includes(searched);
}

function fate(item, text) {
  const [sign, word] = FATES[item.fate];
  const name = item.fate === "refused" && item.status >= 500 ? "failed" : item.fate;
  const node = make("span", "fate " + name,
    text ?? (item.fate === "refused" ? word + " " + item.status : word));
  node.dataset.sign = sign;
  return node;
}

function row(item, time) {
  const node = make("details", "call"), head = make("summary"), inside = make("div", "inside");
  node.dataset.number = item.number;
  const when = make("span", "age", time ?? age(now_s - item.at_s));
  if (time === undefined) when.dataset.at = item.at_s;
  head.append(fate(item), make("span", "what", whatOf(item)),
    make("span", "who", item.user ?? (item.call ? "nobody" : "")),
    make("span", "why", item.why ?? item.message_id ?? ""), when);
  node.append(head);
  node.addEventListener("toggle", () => {
    if (node.open && !inside.parentNode) {
      node.append(inside);
      showInside(item, inside);
    }
  });
  return node;
}

// New calls come in above those that stand there: an open one stays open, and where it is.
function addToOrder(fresh) {
  const list = $("list"), chosen = fresh.filter(matches).slice(-limit);
  for (const item of chosen) {
    const node = row(item);
    node.classList.add("fresh");
    list.prepend(node);
  }
  for (let node = list.lastChild; list.children.length > limit && node;) {
    const previous = node.previousSibling;
    if (!node.open && !node.contains(document.activeElement)) node.remove();
    node = previous;
  }
}

function drawOrder() {
  const chosen = items.filter(matches);
  $("list").replaceChildren(...chosen.slice(-limit).reverse().map(item => row(item)));
}

function draw() {
  if (view === "order") drawOrder();
  else drawLanes();
  showRest();
}

function showRest() {
  const all = view === "order" ? items.filter(matches).length : lanes.size;
  const rest = all - limit;
  $("more").hidden = rest <= 0;
  $("more").textContent = "Show more (" + shown(Math.max(0, rest)) + " left)";
  $("none").hidden = all > 0;
  $("none").textContent = items.length ? "Nothing here matches." : "None yet.";
  const counts = {};
  for (const item of items) counts[item.fate] = (counts[item.fate] ?? 0) + 1;
  for (const chip of $("chips").children) {
    const name = chip.dataset.fate;
    chip.textContent = FATES[name][1] + " " + shown(counts[name] ?? 0);
    chip.hidden = !counts[name] && !off.has(name);
  }
  for (const node of $("list").querySelectorAll("[data-at]"))
    node.textContent = age(now_s - node.dataset.at);
}

function setUpList() {
  for (const name of Object.keys(FATES)) {
    const chip = button("", () => {
      off.has(name) ? off.delete(name) : off.add(name);
      chip.setAttribute("aria-pressed", !off.has(name));
      draw();
    });
    chip.dataset.fate = name;
    chip.hidden = true;
    chip.setAttribute("aria-pressed", true);
    $("chips").append(chip);
  }
  const views = {order: "Newest first", user: "By customer", record_key: "By key"};
  for (const [name, title] of Object.entries(views)) {
    const it = button(title, () => {
      view = name;
      limit = STEP;
      for (const other of $("views").children)
        other.setAttribute("aria-pressed", other === it);
      draw();
    });
    it.setAttribute("aria-pressed", name === view);
    if (name === "record_key") it.id = "by_key";
    $("views").append(it);
  }
  $("search").addEventListener("input", () => {
    searched = $("search").value.trim().toLowerCase();
    limit = STEP;
    draw();
  });
  $("more").addEventListener("click", () => { limit += STEP; draw(); });
}
