// Attention, the seven lines and the seven that undo them, for sliders and checks. The numbers that the
// page shows are Python's; this arithmetic must agree with them before a slider is offered.
const sum = (xs) => xs.reduce((total, x) => total + x, 0);
const dot = (a, b) => sum(a.map((x, k) => x * b[k]));
const each = (rows, f) => rows.map((row, i) => row.map((x, j) => f(x, i, j)));
const entry = (x, i, j) => (Array.isArray(x) ? x[i % x.length][j % x[0].length] : x);

const ACTIVATIONS = {
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  relu: (x) => Math.max(0, x),
  identity: (x) => x,
};

// The scores of one query and one key.
const SCORES = {
  dot: (q, k, p, i, j) => entry(p.scale, i, j) * dot(q, k),
  general: (q, k, p) => dot(q, p.weight.map((row) => dot(row, k))),
  additive: (q, k, p) =>
    dot(p.vector, p.bias.map((b, a) => Math.tanh(dot(p.weight_query[a], q) + dot(p.weight_key[a], k) + b))),
  concat: (q, k, p) => ACTIVATIONS[p.activation](dot(p.weight, [...q, ...k])),
  cosine: (q, k, p) => {
    const lengths = Math.hypot(...q) * Math.hypot(...k);
    return lengths ? (p.sharpness * dot(q, k)) / lengths : 0;
  },
  location: (q, k, p) => dot(p.weight, k) + p.bias,
};

// One head. visible, multipliers and added (the bias of step 3) are rows of queries by keys, or null.
function attendForward(p) {
  const bias = p.added ?? null, cap = p.softcap ?? null, sink = p.sink ?? -Infinity;
  const seen = (i, j) => (!p.visible || p.visible[i][j]) && (bias === null || entry(bias, i, j) !== -Infinity);
  const score = SCORES[p.score ?? "dot"];
  const scores = p.query.map((q, i) => p.key.map((k, j) => score(q, k, p, i, j)));
  const capped = cap === null ? scores : each(scores, (x) => cap * Math.tanh(x / cap));
  const biased = bias === null ? capped : each(capped, (x, i, j) => x + entry(bias, i, j));
  const masked = each(biased, (x, i, j) => (seen(i, j) ? x : -Infinity));
  const lse = [], sinkWeights = [];
  const weights = masked.map((row, i) => {
    const top = Math.max(sink, ...row), shift = Number.isFinite(top) ? top : 0;
    const exps = row.map((x, j) => (seen(i, j) ? Math.exp(x - shift) : 0));
    const total = sum(exps) + Math.exp(sink - shift);
    lse.push(shift + Math.log(total));
    sinkWeights.push(total ? Math.exp(sink - shift) / total : 0);
    return exps.map((x) => (total ? x / total : 0));
  });
  const thinned = p.multipliers ? each(weights, (x, i, j) => (seen(i, j) ? x * entry(p.multipliers, i, j) : 0)) : weights;
  const out = thinned.map((row, i) =>
    p.value[0].map((_, e) => sum(row.map((w, j) => (seen(i, j) ? w * p.value[j][e] : 0)))));
  return { scores, capped, biased, masked, weights, lse, sinkWeights, thinned, out, seen };
}

function attendBackward(p, f) {
  const { seen, weights, thinned } = f, cap = p.softcap ?? null;
  const d_thinned = each(weights, (_, i, j) => (seen(i, j) ? dot(p.d_out[i], p.value[j]) : 0));
  const d_value = p.value.map((row, j) =>
    row.map((_, e) => sum(p.d_out.map((d, i) => (seen(i, j) ? thinned[i][j] * d[e] : 0)))));
  const d_weights = each(d_thinned, (x, i, j) =>
    seen(i, j) ? x * (p.multipliers ? entry(p.multipliers, i, j) : 1) + (p.d_weights ? p.d_weights[i][j] : 0) : 0);
  let d_sink = 0;
  const d_masked = weights.map((row, i) => {
    const peak = row.indexOf(Math.max(...row)), ofSink = f.sinkWeights[i] > row[peak];
    const pin = ofSink ? 0 : d_weights[i][peak], d_lse = p.d_lse ? p.d_lse[i] : 0;
    const pinned = d_weights[i].map((d) => d - pin);
    const mean = dot(row, pinned) - f.sinkWeights[i] * pin;
    d_sink += f.sinkWeights[i] ? f.sinkWeights[i] * (d_lse - pin - mean) : 0;
    return row.map((w, j) => (seen(i, j) ? w * (pinned[j] - mean + d_lse) : 0));
  });
  const d_biased = each(d_masked, (x, i, j) => (seen(i, j) ? x : 0));
  const columns = () => [d_biased[0].map((_, j) => sum(d_biased.map((row) => row[j])))];
  const d_bias = p.added && p.added.length < d_biased.length ? columns() : d_biased;
  const slope = (i, j) => (cap === null ? 1 : 1 / Math.cosh(f.scores[i][j] / cap) ** 2);
  const d_scores = each(d_biased, (x, i, j) => (seen(i, j) ? x * slope(i, j) : 0));
  const products = p.query.map((q) => p.key.map((k) => dot(q, k)));
  const d_products = each(d_scores, (x, i, j) => (seen(i, j) ? x * entry(p.scale, i, j) : 0));
  const through = (i, j, x) => (seen(i, j) ? d_products[i][j] * x : 0);
  const d_query = p.query.map((q, i) => q.map((_, c) => sum(p.key.map((k, j) => through(i, j, k[c])))));
  const d_key = p.key.map((k, j) => k.map((_, c) => sum(p.query.map((q, i) => through(i, j, q[c])))));
  const d_scale = each(d_scores, (x, i, j) => (seen(i, j) ? x * products[i][j] : 0));
  return {
    d_thinned, d_value, d_weights, d_masked, d_biased, d_capped: d_biased, d_bias, d_scores, d_products,
    products, d_query, d_key, d_scale, d_sink,
  };
}

// One head, or the heads of (H, L, D) by turns; keys and values (G, S, D) belong to groups of H / G heads.
function attention(p) {
  if (depth(p.query) === 2) {
    const f = attendForward(p);
    return (p.score ?? "dot") === "dot" && p.d_out ? { ...f, ...attendBackward(p, f) } : f;
  }
  const H = p.query.length, G = p.key.length, group = (h) => Math.floor(h / (H / G));
  const of = (x, h, levels) => (depth(x) > levels ? x[x.length > 1 ? h : 0] : x);
  const heads = p.query.map((query, h) =>
    attention({
      ...p, query, key: p.key[group(h)], value: p.value[group(h)], d_out: p.d_out && p.d_out[h],
      visible: p.visible && of(p.visible, h, 2), multipliers: p.multipliers && of(p.multipliers, h, 2),
      added: p.added && of(p.added, h, 2), scale: of(p.scale, h, 2), sink: of(p.sink ?? null, h, 0),
      d_weights: p.d_weights && of(p.d_weights, h, 2), d_lse: p.d_lse && of(p.d_lse, h, 1),
    }));
  const joined = {};
  for (const name of Object.keys(heads[0])) joined[name] = heads.map((head) => head[name]);
  for (const name of ["d_key", "d_value"])
    if (joined[name])
      joined[name] = p.key.map((_, g) =>
        joined[name].filter((_, h) => group(h) === g).reduce((a, b) => each(a, (x, i, j) => x + b[i][j])));
  return joined;
}

const inner = (a, b) => sum([a].flat(3).map((x, n) => x * [b].flat(3)[n]));
const lossOf = (all, p) => inner(all.out, p.d_out) + (p.d_lse ? inner(all.lse, p.d_lse) : 0);
