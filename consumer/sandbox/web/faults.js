const SWITCHES = [
  ["Healthy", []],
  ["500s, 20 %", [{status: 500, share: 0.2}]],
  ["429, 10 calls/s", [{calls_per_s: 10}]],
  ["Slow, 2 s", [{delay_s: 2}]],
  ["Down", [{status: 503}]],
  ["Wrong key", [{status: 401}]],
];
const EXAMPLE = [{status: 400, match: {event: "OrderPlaced"}, count: 3}];

const nameOf = rules => {
  const text = JSON.stringify(rules);
  return (SWITCHES.find(([, these]) => JSON.stringify(these) === text) ?? ["Your faults"])[0];
};

function showFaults(faults) {
  const rules = faults.map(({struck, ...rule}) => rule), name = nameOf(rules);
  for (const it of $("switches").children)
    it.setAttribute("aria-pressed", it.textContent === name);
  $("rules").replaceChildren(...faults.map(({struck, ...rule}) =>
    make("li", "", JSON.stringify(rule) + " struck " + shown(struck))));
}

function setUpFaults() {
  for (const [name, rules] of SWITCHES) {
    const it = button(name, async () => showFaults((await ask("faults", rules)).faults));
    if (!rules.length) it.className = "healthy";
    it.setAttribute("aria-pressed", false);
    $("switches").append(it);
  }
  $("custom").value = JSON.stringify(EXAMPLE, null, 1);
  $("apply").addEventListener("click", async () => {
    try {
      showFaults((await ask("faults", JSON.parse($("custom").value))).faults);
      say("custom_said", "in force");
    } catch (error) {
      say("custom_said", error.message, true);
    }
  });
}
