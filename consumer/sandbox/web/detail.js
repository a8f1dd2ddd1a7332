// The inside of an open call: what was said, the fields joined, both texts side by side.
async function showInside(item, inside) {
  const known = item.message_id === null || !about.example ? null
    : await ask("event?message_id=" + encodeURIComponent(item.message_id)).catch(() => null);
  const parts = [];
  if (item.why) parts.push(make("p", "said", item.why));
  if (item.taken) parts.push(make("p", "said",
    "Seg has taken the call, though the consumer cannot know: it sends it again."));
  if (item.text) parts.push(make("pre", "", item.text));
  const facts = [["messageId", item.message_id], ["Idempotency-Key", item.key],
                 ["record key", item.record_key], ["status", item.status]];
  parts.push(make("p", "small", facts.filter(([, it]) => it !== null)
    .map(([name, it]) => name + " " + it).join(" · ")));
  const sent = atSeg(item) ? item.call : known?.call;
  if (known?.made) parts.push(joined(known, sent ?? known.call));
  parts.push(sideBySide(known?.event ?? (sent ? null : item.call), sent));
  if (item.call && !known)
    parts.push(make("p", "small", about.example
      ? "The Segment event is not known any more."
      : "The Segment event is not known here: a sandbox on its own sees calls alone. " +
        "`seg-consumer demo --page` shows both."));
  inside.replaceChildren(...parts);
}

const LONG = 200;

function sideBySide(event, call) {
  const halves = make("div", "halves" + (event && call ? "" : " one"));
  for (const [title, value] of [["Segment event", event], ["Call to Seg", call]]) {
    if (!value) continue;
    const half = make("div"), pre = coloured(value);
    pre.tabIndex = 0;
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", title);
    half.append(make("h3", "", title), pre);
    halves.append(half);
  }
  return halves;
}

function cell(path, value, name) {
  const node = make("td", name);
  node.append(make("code", "", path), " ");
  const text = value === undefined ? "" : JSON.stringify(value);
  if (text && text.length <= LONG) node.append(make("span", "value", text));
  return node;
}

// A line for each key of the call, with the row of the table that made it; then what is not sent.
function joined({event, made, unsent, left_out}, call) {
  const table = make("table"), head = make("tr");
  for (const title of ["Segment", "Seg"]) {
    const it = make("th", "", title);
    it.scope = "col";
    head.append(it);
  }
  const rows = made.filter(it => it.row).map(({key, sources, row}) => {
    const line = make("tr"), from = make("td");
    for (const source of sources) from.append(...cell(source, dig(event, source)).childNodes, " ");
    if (!sources.length) from.append("always");
    line.title = "row " + row;
    line.append(from, cell(key, dig(call, key), "mapped"));
    return line;
  });
  const gone = (list, what) => (list ?? []).map(({source, why}) => {
    const line = make("tr", "gone");
    line.append(cell(source, dig(event, source)), make("td", "", what + ": " + why));
    return line;
  });
  table.append(head, ...rows, ...gone(left_out, "cannot be read"), ...gone(unsent, "not sent"));
  const block = make("div"), others = made.filter(it => !it.row).map(it => it.key);
  block.append(make("h3", "", "What became what"), table);
  if (others.length) block.append(make("p", "small", "As they are: " + others.join(", ")));
  return block;
}
