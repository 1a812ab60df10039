// What is shown: an example, a planted fault or a moved input, and the tables that show them.
const SPELLED = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const DATA = JSON.parse(document.getElementById("data").textContent, (_, x) => (x in SPELLED ? SPELLED[x] : x));
const STEPS = ["score", "softcap", "bias", "mask", "softmax", "dropout", "values"];
const RESULTS = ["scores", "capped", "biased", "masked", "weights", "thinned", "out"];

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

const state = { scene: DATA.scenes[0], mode: "read", fault: null, moved: null, cell: null, head: 0, outline: "made", place: "down.score" };
const places = () => Object.keys(state.scene.stages);
const root = () => $(`.scene[data-scene="${state.scene.name}"]`);
const section = (place) => $(`[data-place="${place}"]`, root());
const skipped = (place) => state.scene.stages[place]?.skipped ?? true;
const used = () => places().filter((place) => !skipped(place));

// The array of a name at a place: Python's, or what a fault or a slider makes of it.
function value(place, name) {
  const stage = state.scene.stages[place];
  const right = stage && name in stage.arrays ? state.scene.arrays[stage.arrays[name]] : undefined;
  if (state.moved && name in state.moved) return state.moved[name];
  return wrongArray(`${place}/${name}`) ?? right;
}

// An array of the planted fault; equal ones are stored once, the others name it.
function wrongArray(key) {
  const x = state.fault?.arrays[key];
  return typeof x === "string" ? state.fault.arrays[x] : x;
}

// More than rounding, as fault_walk.py counts it: relative to the largest number of the right step.
const ROUNDING = 1e-12;

function toleranceAt(place) {
  const keys = Object.values(state.scene.stages[place].arrays);
  return ROUNDING * Math.max(0, ...keys.map((key) => largestOf(grid([state.scene.arrays[key]].flat(3)))));
}

const headsOf = () => (depth(state.scene.arrays.weights) === 3 ? state.scene.arrays.weights.length : 0);
const groupOf = (head) => Math.floor((head * state.scene.arrays.key.length) / (headsOf() || 1));
const ofHead = (x, head) => (depth(x) === 3 ? x[head] : x);

// A table knows its place, its name and its head; a cell its row and column.
const placeOf = (node) => node.closest("[data-place]").dataset.place;
const headOf = (table) => Number(table.dataset.head ?? 0);

function cellsOf(table) {
  return $$("tr", table).map((row) => $$("td", row)).filter((cells) => cells.length);
}

function draw(table) {
  const place = placeOf(table), name = table.dataset.name;
  const x = value(place, name);
  table.classList.toggle("gone", Boolean(state.fault?.gone.includes(`${place}/${name}`)));
  if (x === undefined || typeof x === "string") return;
  const rows = grid(ofHead(x, headOf(table)), name);
  const right = rightRows(place, name, headOf(table)) ?? rows;
  const whole = allWhole(rows), largest = largestOf(rows);
  const key = `${place}/${name}`, marks = state.fault && key in state.fault.arrays && !state.fault.rounding.includes(key);
  const tolerance = marks ? toleranceAt(place) : 0;
  table.classList.toggle("differs", Boolean(marks));
  const reshaped = marks && String(rows.map((row) => row.length)) !== String(right.map((row) => row.length));
  cellsOf(table).forEach((cells, i) => cells.forEach((td, j) => {
    if (reshaped) td.classList.add("changed");
    const now = rows[i]?.[j], before = right[i]?.[j];
    if (typeof now !== "number") {
      if (reshaped) td.textContent = "";
      return;
    }
    const text = format(now, whole);
    if (td.textContent !== text && !$("input", td)) td.textContent = text;
    const changed = reshaped || marks && !(Math.abs(now - before) <= tolerance || now === before || (now !== now && before !== before));
    const moved = state.moved && now !== before;
    td.className = [td.dataset.hidden ? "h" : shade(now, largest), changed ? "changed" : "", moved ? "moved" : ""].join(" ").trim();
  }));
}

function rightRows(place, name, head) {
  const stage = state.scene.stages[place];
  if (!stage || !(name in stage.arrays)) return null;
  return grid(ofHead(state.scene.arrays[stage.arrays[name]], head), name);
}

function drawAll() {
  $$("table[data-name]", root()).forEach(draw);
  root().classList.toggle("altered", Boolean(state.fault || state.moved));
  outline();
}

// Every table a grid: one Tab stop, arrow keys inside.
function prepare(scene) {
  for (const table of $$(`.scene[data-scene="${scene.name}"] table[data-name]`)) gridOf(table);
}

function gridOf(table) {
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", $("caption", table).textContent);
  cellsOf(table).forEach((cells, i) => cells.forEach((td, j) => {
    td.tabIndex = i || j ? -1 : 0;
    if (td.classList.contains("h")) td.dataset.hidden = "1";
  }));
}

function newTable(name, rows) {
  const table = document.createElement("table");
  table.dataset.name = name;
  table.createCaption().textContent = name;
  for (const row of rows) {
    const tr = table.insertRow();
    for (const x of row) tr.insertCell().textContent = typeof x === "number" ? format(x, allWhole(rows)) : String(x);
  }
  return table;
}
