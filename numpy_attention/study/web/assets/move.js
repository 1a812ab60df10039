// Move: an input on a slider, the loss, its tangent by our gradient, and the error of the tangent.
const TRUST = 1e-12;
const PARAMETERS = ["weight", "weight_query", "weight_key", "vector", "sharpness", "scale"];

// The arguments of `attention` from the arrays of a scene, each by the step that takes it.
function problem(scene, arrays = scene.arrays) {
  const at = (place, name) => arrays[scene.stages[place]?.arrays[name]];
  const p = { ...scene.options, query: arrays.query, key: at("down.score", "x") ?? arrays.key, value: arrays.value };
  for (const name of PARAMETERS) p[name] = at("down.score", name);
  return {
    ...p, bias: at("down.score", "bias"), added: at("down.bias", "bias"), sink: at("down.softmax", "sinks"),
    d_out: arrays.d_out, d_lse: arrays.d_lse, visible: arrays.visible, multipliers: at("down.dropout", "multipliers"),
  };
}

// Step 0: query, key and value of the tokens, cut into heads.
const STEP_0 = ["x", "memory", "W_Q", "W_K", "W_V"];

function projected(scene, arrays) {
  const at = (name) => arrays[scene.stages["down.project"].arrays[name]];
  const cut = (rows, like) => {
    if (depth(like) < 3) return rows;
    const width = like[0][0].length;
    return like.map((_, h) => rows.map((row) => row.slice(h * width, (h + 1) * width)));
  };
  const by = (tokens, W) => tokens.map((row) => W.map((w) => dot(w, row)));
  const memory = at("memory") ?? at("x");
  return {
    query: cut(by(at("x"), at("W_Q")), arrays.query), key: cut(by(memory, at("W_K")), arrays.key),
    value: cut(by(memory, at("W_V")), arrays.value),
  };
}

// The largest difference between this page's arithmetic and Python's numbers.
function disagreement(scene) {
  try {
    const ours = attention(problem(scene));
    let worst = 0;
    for (const [name, x] of Object.entries(ours)) {
      const right = scene.arrays[name];
      if (typeof x === "function" || right === undefined || depth(right) !== depth(x)) continue;
      const mine = [x].flat(3), theirs = [right].flat(3);
      if (mine.length !== theirs.length) return Infinity;
      mine.forEach((y, n) => {
        if (Number.isFinite(theirs[n]) || Number.isFinite(y)) worst = Math.max(worst, Math.abs(y - theirs[n]));
      });
    }
    return Number.isNaN(worst) ? Infinity : worst;
  } catch {
    return Infinity;
  }
}

function gradientOf(name) {
  if (name === "d_out") return state.scene.arrays.out;
  const d = `d_${name}`;
  for (const place of used()) if (state.scene.stages[place].results.includes(d)) return value(place, d);
  return undefined;
}

function isInput(name) {
  return ["query", "key", "x", "value", "d_out", "bias", "sinks", "memory", "W_Q", "W_K", "W_V", ...PARAMETERS].includes(name) && gradientOf(name) !== undefined;
}

function offerSlider() {
  const by = $("#by"), cell = state.cell;
  const ok = state.mode === "move" && cell && !state.fault && isInput(cell.name) && state.scene.trusted;
  by.disabled = !ok;
  by.value = 0;
  if (state.moved) {
    state.moved = null;
    drawAll();
  }
  $("#curves").toggleAttribute("hidden", !ok);
  if (ok) return slide();
  const why = !state.scene.trusted ? "This page’s own arithmetic does not reproduce this example: no slider."
    : state.fault ? "Take the mistake out first." : "Choose a number of query, key, value, or of another input.";
  $("#moved").textContent = why;
}

function withEntry(x, cell, by) {
  const copy = structuredClone(x), levels = depth(copy);
  if (levels === 0) return copy + by;
  if (levels === 1) copy[Math.max(cell.i, cell.j)] += by;
  else if (levels === 2) copy[cell.i][cell.j] += by;
  else copy[cell.head][cell.i][cell.j] += by;
  return copy;
}

// The loss, and every array, with the chosen input moved by t.
function movedBy(t) {
  const { name } = state.cell, arrays = { ...state.scene.arrays };
  const key = state.scene.stages[state.cell.place].arrays[name];
  arrays[key] = withEntry(arrays[key], state.cell, t);
  if (STEP_0.includes(name) && "down.project" in state.scene.stages) Object.assign(arrays, projected(state.scene, arrays));
  const p = problem(state.scene, arrays), all = attention(p);
  return { loss: lossOf(all, p), arrays: { query: p.query, key: p.key, value: p.value, ...all, [name]: arrays[key] } };
}

function slopeHere() {
  const { name, head, i, j } = state.cell;
  return grid(ofHead(gradientOf(name), head), name)[i][j];
}

function slide() {
  const t = Number($("#by").value), at = movedBy(0).loss, there = movedBy(t), slope = slopeHere();
  const error = there.loss - at - slope * t;
  state.moved = t ? changedArrays(there.arrays) : null;
  drawAll();
  const half = movedBy(t / 2).loss - at - (slope * t) / 2;
  $("#moved").textContent = t
    ? `By ${format(t)} the loss goes from ${format(at)} to ${format(there.loss)}; the gradient ${format(slope)} says ${format(at + slope * t)}, wrong by ${format(error)}. Half as far it is wrong by ${format(half)}: about a quarter.`
    : `The loss is ${format(at)}, and the gradient of this number ${format(slope)}: the slope of the tangent.`;
  $("#by").setAttribute("aria-valuetext", `moved by ${format(t)}: loss ${format(there.loss)}`);
  curves(at, slope, t);
}

// Arrays that the tables show and this arithmetic has.
function changedArrays(arrays) {
  const shown = new Set($$("table[data-name]", root()).map((table) => table.dataset.name));
  return Object.fromEntries(Object.entries(arrays).filter(([name, x]) => shown.has(name) && typeof x !== "function"
    && (state.scene.arrays[name] === undefined || depth(x) === depth(state.scene.arrays[name]))));
}

function curves(at, slope, t) {
  const steps = Array.from({ length: 41 }, (_, n) => n / 20 - 1), losses = steps.map((s) => movedBy(s).loss);
  const lines = steps.map((s) => at + slope * s), errors = losses.map((y, n) => y - lines[n]);
  const place = (ys, left) => {
    const low = Math.min(...ys), high = Math.max(...ys), unit = high > low ? 80 / (high - low) : 0;
    return (s, y) => [left + 85 + 85 * s, 98 - (y - low) * unit];
  };
  const drawn = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
  const above = place([...losses, ...lines], 10), beside = place([...errors, 0], 200);
  $("#loss").setAttribute("d", drawn(steps.map((s, n) => above(s, losses[n]))));
  $("#tangent").setAttribute("d", drawn([-1, 1].map((s) => above(s, at + slope * s))));
  $("#zero").setAttribute("d", drawn([-1, 1].map((s) => beside(s, 0))));
  $("#error").setAttribute("d", drawn(steps.map((s, n) => beside(s, errors[n]))));
  const now = movedBy(t).loss;
  for (const [id, [x, y]] of [["here", above(t, now)], ["off", beside(t, now - at - slope * t)]]) {
    $(`#${id}`).setAttribute("cx", x.toFixed(1));
    $(`#${id}`).setAttribute("cy", y.toFixed(1));
  }
}
