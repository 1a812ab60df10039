// Choose a number: what it is made of, and what it goes into.
const CHAIN = {
  thinned: ["dropout", "weights", "down"], masked: ["mask", "biased", "down"], biased: ["bias", "capped", "down"],
  capped: ["softcap", "scores", "down"], d_scores: ["softcap", "d_capped", "up"], d_capped: ["bias", "d_biased", "up"],
  d_biased: ["mask", "d_masked", "up"], d_weights: ["dropout", "d_thinned", "up"],
};

// The name under which a number was first computed: a skipped step hands its input on.
function origin(name) {
  const [step, before, way] = CHAIN[name] ?? [];
  return step && skipped(`${way}.${step}`) ? origin(before) : name;
}

const PRODUCED = Object.fromEntries([
  ...STEPS.map((step, n) => [RESULTS[n], `down.${step}`]),
  ["lse", "down.softmax"], ["products", "down.score"], ["d_products", "up.score"],
  ["d_query", "up.score"], ["d_key", "up.score"], ["d_scale", "up.score"], ["d_scores", "up.softcap"],
  ["d_capped", "up.bias"], ["d_bias", "up.bias"], ["d_biased", "up.mask"], ["d_masked", "up.softmax"],
  ["d_sinks", "up.softmax"], ["d_weights", "up.dropout"], ["d_thinned", "up.values"], ["d_value", "up.values"],
]);

function number(place, name, head, i, j) {
  const x = value(place, name);
  if (x === undefined) return NaN;
  return grid(ofHead(x, head), name)[i]?.[j] ?? NaN;
}

const times = (pairs) => pairs.map(([a, b]) => `${brief(a)} × ${brief(b)}`).join(" + ");
const indices = (x) => x.map((_, n) => n);

// For each array: (head, row, column) -> the cells it is made of, [name, head, row, column], and the sum.
function recipe(name, h, i, j) {
  const place = PRODUCED[name];
  if (!place || skipped(place)) return null;
  const rows = (other, at = place) => grid(ofHead(value(at, other) ?? [[NaN]], other === "key" || other === "value" ? groupOf(h) : h), other);
  const read = (other, r, c) => rows(other)[r]?.[c] ?? NaN;
  const row = (other, r, head = h) => indices(rows(other)[0]).map((c) => [other, head, r, c]);
  const column = (other, c, head = h) => indices(rows(other)).map((r) => [other, head, r, c]);
  const g = groupOf(h), dots = (state.scene.options.score ?? "dot") === "dot";
  const hidden = (r, c) => state.scene.arrays.visible && !ofHead(state.scene.arrays.visible, h)[r][c];
  const pairs = (a, b) => times(a.map(([n, , r, c], k) => [read(n, r, c), read(b[k][0], b[k][2], b[k][3])]));
  const product = (a, b, first = "") => [[...a, ...b], `${first}${first ? "(" : ""}${pairs(a, b)}${first ? ")" : ""}`];
  const scale = () => `${brief(read("scale", 0, 0))} × `;
  switch (name) {
    case "products": return product(row("query", i), row("key", j, g));
    case "scores":
      return dots ? product(row("query", i), row("key", j, g), scale()) : [[...row("query", i), ...row("key", j, g)], ""];
    case "capped": {
      const cap = brief(state.scene.options.softcap);
      return [[["scores", h, i, j]], `${cap} × tanh(${brief(read("scores", i, j))} / ${cap})`];
    }
    case "biased": {
      const r = rows("bias").length > 1 ? i : 0;
      return [[["capped", h, i, j], ["bias", h, r, j]], `${brief(read("capped", i, j))} + ${brief(read("bias", r, j))}`];
    };
    case "masked": return [[["biased", h, i, j]], hidden(i, j) ? "hidden: −∞" : "seen: handed on"];
    case "weights": {
      const exps = rows("masked")[i].map((x) => `exp(${brief(x)})`);
      const sink = value(place, "sinks") === undefined ? [] : [`exp(${brief(read("sinks", 0, h))})`];
      return [row("masked", i), `${exps[j]} / (${[...exps, ...sink].join(" + ")})`];
    }
    case "lse": {
      const [head, r] = headsOf() ? [i, j] : [h, i];
      return [row("masked", r, head), `log(${grid(ofHead(value(place, "masked"), head))[r].map((x) => `exp(${brief(x)})`).join(" + ")})`];
    }
    case "thinned": return [[["weights", h, i, j], ["multipliers", h, i, j]], `${brief(read("weights", i, j))} × ${brief(read("multipliers", i, j))}`];
    case "out": return product(row("thinned", i), column("value", j, g));
    case "d_thinned": return hidden(i, j) ? [[], "hidden: 0"] : product(row("d_out", i), row("value", j, g));
    case "d_weights": return [[["d_thinned", h, i, j], ["multipliers", h, i, j]], `${brief(read("d_thinned", i, j))} × ${brief(read("multipliers", i, j))}`];
    case "d_masked": {
      const weights = rows("weights")[i], d = rows("d_weights")[i];
      const mean = sum(weights.map((w, k) => (w ? w * d[k] : 0)));
      return [[...row("weights", i), ...row("d_weights", i)], `${brief(weights[j])} × (${brief(d[j])} − the row’s average ${brief(mean)})`];
    }
    case "d_biased": return [[["d_masked", h, i, j]], hidden(i, j) ? "hidden: 0" : "seen: handed on"];
    case "d_capped": case "d_bias": return [[["d_biased", h, i, j]], "handed on"];
    case "d_scores": {
      const slope = 1 / Math.cosh(number("down.score", "scores", h, i, j) / state.scene.options.softcap) ** 2;
      return [[["d_capped", h, i, j], ["scores", h, i, j]], `${brief(read("d_capped", i, j))} × the slope ${brief(slope)}`];
    }
    case "d_products": return [[["d_scores", h, i, j], ["scale", 0, 0, 0]], `${scale()}${brief(read("d_scores", i, j))}`];
    case "d_query": return dots ? product(row("d_scores", i), column("key", j, g), scale()) : [[...row("d_scores", i), ...column("key", j, g)], ""];
    case "d_key": case "d_value": return overQueries(name, h, i, j, dots);
    case "d_scale": return [rows("d_scores").flatMap((_, r) => row("d_scores", r)), "Σ d_scores × (query · key)"];
    default: return null;
  }
}

// A key or a value gathers from every query, and from every head of its group.
function overQueries(name, g, i, j, dots) {
  const [ours, theirs] = name === "d_key" ? ["d_scores", "query"] : ["thinned", "d_out"], place = PRODUCED[name];
  const heads = headsOf() ? indices(Array(headsOf()).fill()).filter((h) => groupOf(h) === g) : [0];
  const at = heads.flatMap((h) => grid(ofHead(value(place, ours), h)).map((_, r) => [h, r]));
  const parts = at.flatMap(([h, r]) => [[ours, h, r, i], [theirs, h, r, j]]);
  const text = times(at.map(([h, r]) => [number(place, ours, h, r, i), number(place, theirs, h, r, j)]));
  if (name === "d_value") return [parts, text];
  return [parts, dots ? `${brief(number(place, "scale", 0, 0, 0))} × (${text})` : ""];
}

// The cells of a name: in this section if it has them, else where they are computed, else the first.
function find(name, head, i, j, place) {
  const tables = $$("table[data-name]", root()).filter((t) => t.dataset.name === name && headOf(t) === head);
  const table = tables.find((t) => placeOf(t) === place) ?? tables.find((t) => placeOf(t) === PRODUCED[name]) ?? tables[0];
  return table && cellsOf(table)[i]?.[j];
}

// name/head/row/column -> the results that it goes into; the same for every fault.
function consumers() {
  if (state.scene.consumers) return state.scene.consumers;
  const into = new Map();
  for (const [name, place] of Object.entries(PRODUCED)) {
    const x = skipped(place) ? undefined : value(place, name);
    if (x === undefined) continue;
    const heads = depth(x) === 3 ? indices(x) : [0];
    for (const h of heads)
      grid(ofHead(x, h), name).forEach((row, i) => row.forEach((_, j) => {
        for (const [part, head, r, c] of (recipe(name, h, i, j) ?? [[]])[0]) {
          const key = [origin(part), head, r, c].join("/");
          into.set(key, [...(into.get(key) ?? []), [name, h, i, j]]);
        }
      }));
  }
  return (state.scene.consumers = into);
}

function addressOf(td) {
  const table = td.closest("table"), rows = cellsOf(table), i = rows.findIndex((cells) => cells.includes(td));
  return { place: placeOf(table), name: table.dataset.name, head: headOf(table), i, j: rows[i].indexOf(td) };
}

function label(name, head, i, j) {
  const x = value(PRODUCED[name] ?? "down.score", name) ?? state.scene.arrays[name], levels = depth(x);
  const where = levels === 0 ? "" : levels === 1 ? `[${Math.max(i, j) + 1}]` : `[${levels === 3 ? `head ${head + 1}, ` : ""}${i + 1}, ${j + 1}]`;
  return name + where;
}

function outline() {
  $$(".is, .from, .to", root()).forEach((td) => td.classList.remove("is", "from", "to"));
  if (!state.cell) return;
  const { place, name, head, i, j } = state.cell, made = origin(name), own = find(name, head, i, j, place);
  own?.classList.add("is");
  const covered = own && $("input", own);
  const now = number(place, name, head, i, j), first = `${label(name, head, i, j)} = ${covered ? "?" : brief(now)}`;
  if (state.outline === "goes") {
    const to = consumers().get([made, head, i, j].join("/")) ?? [];
    to.forEach(([n, h, r, c]) => find(n, h, r, c, null)?.classList.add("to"));
    const names = to.map(([n, h, r, c]) => label(n, h, r, c));
    $("#told").textContent = `${first} goes into ${names.length ? names.join(", ") : "nothing further"}.`;
    return;
  }
  const known = recipe(made, head, i, j), same = made === name ? "" : ` = ${label(made, head, i, j)}`;
  for (const [n, h, r, c] of known?.[0] ?? []) find(n, h, r, c, PRODUCED[made])?.classList.add("from");
  if (covered) {
    $("#told").textContent = `${first}, made of what is outlined.`;
    return;
  }
  const wrong = state.fault && state.fault.lines[PRODUCED[made]] && PRODUCED[made];
  const before = state.fault && rightRows(place, name, head)?.[i]?.[j];
  if (state.fault && (wrong || (before !== undefined && before !== now))) {
    const by = wrong ? ` by the wrong line${known?.[1] ? `; the right one makes ${known[1]} of these numbers` : ""}` : "";
    $("#told").textContent = `${first}${same}${by}. Without the mistake it is ${brief(before ?? NaN)}.`;
    return;
  }
  const sumText = known ? (known[1] ? ` = ${known[1]}` : ", by the equation of its step") : PRODUCED[made] ? "" : " is given";
  $("#told").textContent = first + same + sumText;
}

function choose(td) {
  const own = $$("td[tabindex='0']", td.closest("table"));
  own.forEach((other) => (other.tabIndex = -1));
  td.tabIndex = 0;
  state.cell = addressOf(td);
  outline();
  offerSlider();
  writeLink();
}

const MOVES = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

function walkCells(event) {
  const td = event.target.closest("td"), step = MOVES[event.key];
  if (!td || !step || event.target.tagName === "INPUT") return;
  const rows = cellsOf(td.closest("table")), { i, j } = addressOf(td), next = rows[i + step[0]]?.[j + step[1]];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
