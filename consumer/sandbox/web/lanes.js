// A lane for each customer or key: its calls in order, each attempt for itself.
const STEPS = 12, INSIDE = 200;
const lanes = new Map();
let inLanes = 0;

const laneOf = item => view === "user" ? item.user : item.record_key;

// The one that moved last stands first; later a lane stays where it is, and new ones come on top.
function drawLanes() {
  lanes.clear();
  inLanes = 0;
  const last = [...sortIn(items)].sort((a, b) => b.items.at(-1).number - a.items.at(-1).number);
  $("list").replaceChildren(...last.slice(0, limit).map(lane => lane.node));
  for (const lane of last.slice(0, limit)) showLane(lane);
}

function addToLanes(fresh) {
  for (const lane of sortIn(fresh)) {
    if (!lane.node.parentNode && $("list").children.length < limit) $("list").prepend(lane.node);
    if (lane.node.parentNode) showLane(lane);
  }
}

function sortIn(fresh) {
  const touched = new Set();
  for (const item of fresh) {
    const name = laneOf(item);
    if (name === null || !matches(item)) continue;
    if (!lanes.has(name)) lanes.set(name, newLane(name));
    const lane = lanes.get(name);
    lane.items.push(item);
    inLanes++;
    touched.add(lane);
  }
  if (inLanes > 2 * KEPT) thinOut(newest - KEPT + 1);
  return touched;
}

// Lets go of what came before number `first`, and of lanes that have nothing else.
function thinOut(first) {
  inLanes = 0;
  for (const [name, lane] of lanes) {
    lane.items = lane.items.filter(item => item.number >= first);
    inLanes += lane.items.length;
    if (!lane.items.length) {
      lanes.delete(name);
      lane.node.remove();
    }
  }
}

function newLane(name) {
  const node = make("details", "lane"), head = make("summary"), inner = make("div", "inner");
  const lane = {items: [], drawn: 0, node, inner,
                many: make("span", "many"), steps: make("span", "steps")};
  head.append(make("span", "who", name), lane.many, lane.steps);
  node.append(head, inner);
  node.addEventListener("toggle", () => node.open && showLane(lane));
  return lane;
}

const stepOf = item => whatOf(item) + (item.fate === "refused" ? " " + item.status : "");

function showLane(lane) {
  const {items: all, many, steps, inner, node} = lane;
  many.textContent = shown(all.length);
  steps.replaceChildren(...all.slice(-STEPS).map(item => fate(item, stepOf(item))));
  if (all.length > STEPS) steps.prepend("…");
  if (!node.open) return;
  let last_s = null;
  for (const item of all.slice(-INSIDE)) {
    if (item.number > lane.drawn) {
      inner.append(row(item, last_s === null ? "first" : waited(item.at_s - last_s)));
      lane.drawn = item.number;
    }
    last_s = item.at_s;
  }
  while (inner.children.length > INSIDE && !inner.firstChild.open) inner.firstChild.remove();
}

const waited = seconds => "+" + seconds.toFixed(seconds < 10 ? 2 : 0) + " s";
