const SECONDS = 60, WIDTH = 600, HEIGHT = 90;
const CLASSES = [["ok", "2xx"], ["refused", "3xx, 4xx"], ["failed", "5xx"],
                 ["unanswered", "no answer"]];
let before = null;

function showSummary(now) {
  for (const id of ["accepted", "doubles", "requests", "waiting"])
    $(id).textContent = shown(now[id]);
  const gained = before ? Math.max(0, now.requests - before.requests) : 0;
  $("rate").textContent = shown(before ? Math.round(gained / (now.now_s - before.now_s)) : 0);
  before = now;
}

function showMinute({seconds, switches}, now_s) {
  const first = Math.floor(now_s) - SECONDS + 1, step = WIDTH / SECONDS, bars = $("bars");
  const sum = second => CLASSES.reduce((all, [name]) => all + second[name], 0);
  const most = Math.max(5, ...seconds.map(sum)), rects = [];
  const totals = Object.fromEntries(CLASSES.map(([name]) => [name, 0]));
  for (const second of seconds.filter(it => it.at_s >= first)) {
    let top = HEIGHT;
    for (const [name] of CLASSES) {
      totals[name] += second[name];
      const height = (HEIGHT - 6) * second[name] / most;
      if (height) {
        top -= height;
        const rect = document.createElementNS(bars.namespaceURI, "rect");
        const place = {x: (second.at_s - first) * step + 1, y: top, width: step - 2, height};
        for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value);
        rect.setAttribute("class", name);
        rects.push(rect);
      }
    }
  }
  bars.replaceChildren(...rects);
  const words = CLASSES.map(([name, label]) => label + " " + shown(totals[name]));
  bars.setAttribute("aria-label", "Calls in the last minute: " + words.join(", "));
  $("legend").replaceChildren(...CLASSES.map(([name], at) => {
    const item = make("li", name);
    item.append(make("i"), words[at]);
    return item;
  }));
  showMarks(switches.filter(it => it.at_s > first), first);
}

// The label of a switch stands where the next one leaves room for it.
function showMarks(switches, first) {
  $("marks").replaceChildren(...switches.map(({at_s, rules}, at) => {
    const next = switches[at + 1], place = (at_s - first) / SECONDS;
    const room = ((next ? next.at_s : first + SECONDS) - at_s) / SECONDS;
    const late = !next && place > .85;
    const mark = make("div", late ? "late" : "", room > .1 || late ? nameOf(rules) : "");
    mark.style.left = 100 * place + "%";
    return mark;
  }));
}
