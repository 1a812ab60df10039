// Predict: the results of a step are covered, and everything after it; fill the cells from what is before.
const CLOSE = 0.0051;

function listPlaces() {
  const select = $("#covered");
  select.length = 0;
  for (const place of used()) select.add(new Option(titleOf(place), place));
  select.value = used().includes(state.place) ? state.place : used()[0];
}

function titleOf(place) {
  const [way, step] = place.split(".");
  return `${STEPS.indexOf(step) + 1} ${step}, ${way === "down" ? "forward" : "backward"}`;
}

function uncover() {
  $$(".later, .asked", root()).forEach((node) => node.classList.remove("later", "asked"));
  $$("td input", root()).forEach((input) => (input.parentElement.textContent = ""));
}

function cover() {
  uncover();
  if (state.mode !== "predict") return drawAll();
  const order = used(), place = $("#covered").value || order[0];
  state.place = place;
  for (const other of places().slice(places().indexOf(place) + 1)) section(other).classList.add("later");
  section(place).classList.add("asked");
  for (const name of state.scene.stages[place].results)
    for (const table of $$("table[data-name]", section(place)).filter((t) => t.dataset.name === name))
      cellsOf(table).forEach((cells, i) => cells.forEach((td, j) => ask(td, name, i, j)));
  drawAll();
  tellScore();
  writeLink();
}

function ask(td, name, i, j) {
  const input = document.createElement("input");
  input.size = 7;
  input.autocomplete = "off";
  input.setAttribute("aria-label", `${name}, row ${i + 1}, column ${j + 1}`);
  td.textContent = "";
  td.append(input);
  input.addEventListener("change", () => judge(td));
}

// A number, a fraction such as 1/3, or -inf.
function parsed(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  if (/^-?(inf|∞)/i.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
  const [over, under] = plain.split("/");
  return plain === "" ? NaN : under === undefined ? Number(over) : Number(over) / Number(under);
}

function judge(td) {
  const input = $("input", td), { place, name, head, i, j } = addressOf(td);
  const right = number(place, name, head, i, j), given = parsed(input.value);
  const ok = given === right || Math.abs(given - right) <= Math.max(CLOSE, 0.002 * Math.abs(right));
  input.setAttribute("aria-invalid", String(!ok && input.value !== ""));
  td.classList.toggle("good", ok);
  tellScore();
}

function tellScore() {
  const inputs = $$("td input", root()), right = $$("td.good", root()).length;
  $("#score").textContent = inputs.length ? `${right} of ${inputs.length} right, to two places; 1/3 and -inf may be written so.` : "";
}

function answer() {
  $$("td input", root()).forEach((input) => {
    const td = input.parentElement, { place, name, head, i, j } = addressOf(td);
    input.value = format(number(place, name, head, i, j)).replace("−", "-").replace("∞", "inf");
    judge(td);
  });
}
