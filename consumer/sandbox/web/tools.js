const $ = id => document.getElementById(id);
const shown = n => n.toLocaleString("en");

// Every text goes through textContent: what the calls hold is never read as HTML.
function make(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(text, does) {
  const node = make("button", "", text);
  node.type = "button";
  node.addEventListener("click", does);
  return node;
}

async function ask(page, body) {
  const post = {method: "POST", headers: {"Content-Type": "application/json"},
                body: JSON.stringify(body)};
  const answer = await fetch("/_sandbox/" + page, body === undefined ? {} : post);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.message ?? page + ": " + answer.status);
  return content;
}

// What went wrong, or what was done, beside the button that asked for it.
function say(id, text, wrong = false) {
  $(id).textContent = text;
  $(id).className = wrong ? "wrong" : "";
}

function copyable(id, text) {
  const node = $(id);
  node.textContent = text;
  if (node.nextElementSibling) return;
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(node.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(node);
      copy.textContent = "Ctrl-C";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  copy.setAttribute("aria-label", "Copy: " + node.getAttribute("aria-label"));
  node.after(copy);
}

function coloured(value) {
  const json = JSON.stringify(value, null, 2);
  const pre = make("pre"), token = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|true|false|null/g;
  let end = 0;
  for (const match of json.matchAll(token)) {
    pre.append(json.slice(end, match.index));
    const look = match[2] ? "key" : match[1] ? "text" : "other";
    pre.append(make("span", look, match[1] ?? match[0]), match[2] ?? "");
    end = match.index + match[0].length;
  }
  pre.append(json.slice(end));
  return pre;
}

// What stands at `properties.products[2].price`; a name may have dots of its own.
function dig(value, path) {
  if (path === "") return value;
  if (value === null || typeof value !== "object") return undefined;
  const index = path.match(/^\[(\d+)\]\.?/);
  if (index) return dig(value[index[1]], path.slice(index[0].length));
  for (const name of Object.keys(value)) {
    const next = path[name.length];
    if (path.startsWith(name) && (next === undefined || next === "." || next === "[")) {
      const found = dig(value[name], path.slice(name.length + (next === "." ? 1 : 0)));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function age(seconds) {
  if (seconds < 1) return "now";
  if (seconds < 90) return Math.round(seconds) + " s ago";
  return seconds < 5400 ? Math.round(seconds / 60) + " min ago"
    : Math.round(seconds / 3600) + " h ago";
}
