// Break: plant a mistake; changed numbers, broken laws and the lines that ran are marked.
function faultOf(name) {
  return state.scene.faults.find((fault) => fault.name === name) ?? null;
}

function listFaults() {
  const select = $("#fault");
  select.length = 1;
  for (const fault of state.scene.faults) select.add(new Option(fault.name, fault.name));
  select.value = state.fault ? state.fault.name : "";
}

function plant(name) {
  state.fault = faultOf(name);
  state.moved = null;
  $("#fault").value = state.fault ? name : "";
  $$(".extra", root()).forEach((node) => node.remove());
  $$("[data-place]", root()).forEach(markSection);
  drawAll();
  tellFault();
  offerSlider();
  writeLink();
}

function markSection(node) {
  const place = node.dataset.place, fault = state.fault;
  for (const law of $$("li[data-law]", node)) markItem(law, fault && `${place}/${law.dataset.law}` in fault.laws, fault && lawText(place, law));
  for (const item of $$("li[data-gradient]", node)) {
    markItem(item, fault && place.startsWith("up") && fault.gradients.includes(item.dataset.gradient), "differs from the complex step");
  }
  markLines(node, fault && fault.lines[place]);
  if (!fault) return;
  const own = $(".mats", node) ?? node;
  for (const key of Object.keys(fault.arrays)) {
    const x = wrongArray(key);
    const [at, name] = [key.slice(0, key.indexOf("/")), key.slice(key.indexOf("/") + 1)];
    if (at !== place || $(`table[data-name="${CSS.escape(name)}"]`, node)) continue;
    if (grid(ofHead(x, 0), name).flat().some((entry) => typeof entry !== "number")) continue;
    const table = newTable(name, grid(ofHead(x, 0), name));
    table.classList.add("extra");
    own.append(table);
    gridOf(table);
  }
  for (const key of Object.keys(fault.laws)) {
    if (!key.startsWith(`${place}/`) || $$("li[data-law]", node).some((law) => `${place}/${law.dataset.law}` === key)) continue;
    const item = document.createElement("p");
    item.className = "extra bad";
    item.dataset.law = key.slice(place.length + 1);
    item.textContent = `${item.dataset.law} ✗ broken`;
    node.append(item);
  }
  if (place in fault.skipped) {
    const note = document.createElement("p");
    note.className = "extra bad";
    note.textContent = fault.skipped[place] ? "With this mistake the step hands its input on." : "With this mistake the step runs.";
    node.append(note);
  }
}

function lawText(place, law) {
  const sides = state.fault.laws[`${place}/${law.dataset.law}`];
  return sides ? `broken: ${format(sides[0])} against ${format(sides[1])}, off by ${format(sides[2])}` : "";
}

// A broken law says so in words and by its sign, not by colour alone.
function markItem(item, broken, words) {
  item.classList.toggle("bad", Boolean(broken));
  $$(".verdict", item).forEach((node) => node.remove());
  if (!broken) return;
  const verdict = document.createElement("strong");
  verdict.className = "verdict";
  verdict.textContent = ` ✗ ${words}`;
  item.append(verdict);
}

function markLines(node, lines) {
  const pre = $("pre", node);
  if (!pre) return;
  pre.dataset.right ??= pre.textContent;
  const right = pre.dataset.right.split("\n");
  pre.closest("details").open = Boolean(lines);
  if (!lines) {
    pre.textContent = pre.dataset.right;
    return;
  }
  const texts = right.map((line) => line.slice(6));
  pre.textContent = "";
  for (const [, text] of lines) {
    const wrong = document.createElement(texts.includes(text) ? "span" : "mark");
    wrong.textContent = text;
    pre.append(wrong, "\n");
  }
}

function tellFault() {
  const told = $("#planted");
  told.textContent = "";
  if (!state.fault) {
    told.textContent = state.mode === "break" ? "Choose a mistake: it is planted in its step, and everything that changes is marked." : "";
    return;
  }
  const term = $(`[id="${CSS.escape(`${state.scene.name}-${state.fault.name}`)}"]`);
  told.textContent = term ? term.nextElementSibling.textContent : "";
}

function nextFault(by) {
  const names = ["", ...state.scene.faults.map((fault) => fault.name)];
  const now = names.indexOf(state.fault ? state.fault.name : "");
  plant(names[(now + by + names.length) % names.length]);
}
