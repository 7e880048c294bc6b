// Re-ranks at once while a weight is moved. The server does the same sum a moment
// later and puts its own table in place (matching/whatif.py has the same rules).
const SHOWN = 25;
const STEPS = 2 ** 40; // scores nearer than one step are level
const ENOUGH_EVIDENCE = 0.5;
const LABELS = { eligible: "Eligible", conditional: "Conditional" };

const form = document.querySelector("[data-whatif]");
const data = JSON.parse(document.getElementById("whatif-data").textContent);
const lines = data.criteria.map((criterion) => {
  const line = form.querySelector(`[data-criterion="${criterion.code}"]`);
  return {
    ...criterion,
    number: line.querySelector("input[type=number]"),
    slide: line.querySelector("input[type=range]"),
    mark: line.querySelector(".whatif__mark"),
    words: line.querySelector("[data-mark]"),
  };
});

const pointsOf = (share) => Math.floor(share * 100 + 0.5);
const rounded = (share) => Math.round(share * STEPS) / STEPS;
const weighed = (values, share) => values.reduce((sum, value, k) => sum + value * share[k], 0);

/** Points as given; what still shows the stored weight stands for it exactly. */
function points() {
  return lines.map(({ number, exact, shown }) => {
    if (number.value === "") return NaN;
    const given = Number(number.value);
    return given === shown ? exact : given;
  });
}

function ranked(given) {
  const most = Math.max(...given);
  const total = given.reduce((sum, each) => sum + each / most, 0);
  const share = given.map((each) => each / most / total);
  return data.cros
    .map((cro) => ({
      ...cro,
      score: rounded(weighed(cro.value, share)),
      bottom: rounded(weighed(cro.low, share)),
      top: rounded(weighed(cro.high, share)),
      evidence: weighed(cro.known, share),
    }))
    .sort((a, b) => a.rank - b.rank || b.score - a.score || b.bottom - a.bottom || a.was - b.was);
}

/** The points of each criterion at which the first two are level, the others fixed. */
function showMarks(order, given) {
  const [first, second] = order;
  const hasTwo = second && first.rank === second.rank;
  const leads = hasTwo ? first.value.map((value, k) => value - second.value[k]) : [];
  lines.forEach(({ mark, words }, k) => {
    const others = leads.reduce((sum, lead, j) => (j === k ? sum : sum + lead * given[j]), 0);
    const level = hasTwo ? -others / leads[k] : NaN;
    const isThere = Number.isFinite(level) && level > 0;
    const isWithin = isThere && level <= 100;
    mark.setAttribute("visibility", isWithin ? "visible" : "hidden");
    if (isWithin) mark.setAttribute("x", level.toFixed(3));
    if (!hasTwo) words.textContent = "Nobody in the group of the first can take its place.";
    else if (isWithin) words.textContent = `The first two change places at ${level.toFixed(1)} points.`;
    else if (isThere) words.textContent = "Within 100 points the first two keep their places.";
    else words.textContent = "No points here make the first two change places.";
  });
}

function movedWords(by) {
  if (by === 0) return "same place";
  return by > 0 ? `up ${by}` : `down ${-by}`;
}

function showPlaces(order) {
  const body = form.querySelector(".whatif-table tbody");
  const model = body.rows[0];
  const rows = order.slice(0, SHOWN).map((cro, at) => {
    const row = model.cloneNode(true);
    const part = (name) => row.querySelector(`[data-part=${name}]`);
    const by = cro.was - (at + 1);
    row.className = `whatif-row whatif-row--${by === 0 ? "same" : by > 0 ? "up" : "down"}`;
    row.dataset.group = cro.group;
    part("position").textContent = at + 1;
    part("moved").textContent = movedWords(by);
    part("name").textContent = cro.name;
    part("name").href = cro.url;
    part("score").textContent = cro.evidence >= ENOUGH_EVIDENCE ? pointsOf(cro.score) : "little known";
    part("range").textContent = `${pointsOf(cro.bottom)}–${pointsOf(cro.top)}`;
    part("group").textContent = LABELS[cro.group];
    return row;
  });
  body.replaceChildren(...rows);
}

function say(words, isWrong = false) {
  const state = form.querySelector("[data-state]");
  state.textContent = words;
  state.classList.toggle("whatif__state--wrong", isWrong);
  state.removeAttribute("data-confirmed");
}

function update() {
  const given = points();
  if (!given.every((each) => each >= 0 && each <= 100)) {
    say("Give each criterion points from 0 to 100. The order is the one before.", true);
    return;
  }
  if (!given.some((each) => each > 0)) {
    say("At least one criterion needs more than 0 points. The order is the one before.", true);
    return;
  }
  const order = ranked(given);
  const moved = order.filter((cro, at) => cro.was !== at + 1).length;
  showMarks(order, given);
  showPlaces(order);
  say(
    moved
      ? `${moved} of ${order.length} CROs stand at another place than in the stored ranking.`
      : "The order is that of the stored ranking.",
  );
}

for (const { number, slide } of lines) {
  slide.value = number.value;
  slide.parentElement.hidden = false;
  slide.addEventListener("input", () => {
    number.value = slide.value;
  });
  number.addEventListener("input", () => {
    slide.value = number.value || 0;
  });
}
if (data.cros.length) {
  form.querySelector("[data-weigh]").hidden = true;
  form.querySelector("#whatif-weights").addEventListener("input", () => {
    // An answer to what was asked before would put an older order in place.
    form.dispatchEvent(new CustomEvent("htmx:abort", { bubbles: true, detail: { elt: form } }));
    update();
  });
}
