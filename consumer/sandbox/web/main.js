const PERIOD_MS = 1000, CHUNK = 1000;
let isSetUp = false;

async function takeIn() {
  for (;;) {
    const part = await ask("feed?limit=" + CHUNK + "&after=" + newest);
    if (part.newest < newest) return location.reload();
    const fresh = part.feed;
    if (fresh.length) {
      newest = fresh.at(-1).number;
      items.push(...fresh);
    }
    forget(Math.max(part.first, newest - KEPT + 1));
    if (fresh.length) view === "order" ? addToOrder(fresh) : addToLanes(fresh);
    if (fresh.length < CHUNK) return;
  }
}

// What the sandbox has let go of, because it was told to or for want of room, goes here as well.
function forget(first) {
  const gone = items.findIndex(item => item.number >= first);
  const all = gone < 0 && items.length > 0;
  if (gone > 0) items.splice(0, gone);
  if (all) {
    items = [];
    draw();
  }
}

async function refresh() {
  try {
    const now = await ask("summary");
    now_s = now.now_s;
    showSummary(now);
    showFaults((await ask("faults")).faults);
    showMinute(await ask("minute"), now_s);
    await takeIn();
    showRest();
    $("welcome").hidden = now.requests > 0 || items.length > 0;
    $("state").textContent = "● live";
    $("state").className = "";
  } catch {
    $("state").textContent = "● no answer";
    $("state").className = "lost";
  }
}

async function setUp() {
  about = await ask("about");
  const url = location.origin + about.path, id = about.website_id ?? "YOUR-WEBSITE-ID";
  const call = {type: "page", messageId: "m-1", timestamp: new Date().toISOString(), userId: "u-1"};
  copyable("curl", `curl -u ${id}: -H "Content-Type: application/json" \\\n  -d '${
    JSON.stringify(call)}' ${url}`);
  copyable("exports",
    `export SEG_DELIVERY__ENDPOINT=${url}\nexport SEG_DELIVERY__WEBSITE_ID=${id}`);
  $("send").hidden = about.example === null;
  $("by_key").hidden = about.example === null;
  $("tools").classList.toggle("single", about.example === null);
  $("event").value = about.example ?? "";
}

async function send() {
  try {
    const {sent} = await ask("events", {text: $("event").value});
    say("send_said", sent === 1 ? "written to Kafka" : shown(sent) + " written to Kafka");
  } catch (error) {
    say("send_said", error.message, true);
  }
}

setUpFaults();
setUpList();
$("send_it").addEventListener("click", send);
$("event").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
});
$("reset").addEventListener("click", async () => {
  await ask("reset", {});
  before = null;
  refresh();
});

(async function loop() {
  if (!isSetUp) await setUp().then(() => { isSetUp = true; }, () => {});
  await refresh();
  setTimeout(loop, PERIOD_MS);
})();
