// A replayed run: its epochs on a slider.
function showEpoch() {
  const view = DATA.run.epochs[Number($("#epoch").value)];
  const reach = (n) => Math.max(...DATA.run.epochs.flatMap((e) => e.d_scores[n].map(Math.abs))) || 1;
  const set = (rect, zero, height) => {
    rect.setAttribute("y", Math.min(zero, zero - height).toFixed(1));
    rect.setAttribute("height", Math.abs(height).toFixed(1));
  };
  $("#shown-epoch").textContent = view.number;
  $("#after").textContent = view.number ? `${view.number}, loss ${format(view.loss)}` : "0, before training";
  $("#epoch").setAttribute("aria-valuetext", $("#after").textContent);
  $$("svg.run").forEach((drawing, n) => {
    const [first, second] = $$("path.axis", drawing).map((axis) => Number(/ ([\d.]+)L/.exec(axis.getAttribute("d"))[1]));
    $$("rect.weight", drawing).forEach((rect, t) => set(rect, first, 60 * view.weights[n][t]));
    $$("rect.d", drawing).forEach((rect, t) => {
      const d = view.d_scores[n][t];
      set(rect, second, (30 * d) / reach(n));
      rect.setAttribute("class", `d ${d > 0 ? "up" : "down"}`);
    });
  });
  $$(".probability").forEach((node) => {
    node.textContent = format(view.probabilities[node.dataset.example][node.dataset.class]);
  });
}

function startRun() {
  if (!DATA.run) return;
  $("#epochs").hidden = false;
  $("#epoch").addEventListener("input", showEpoch);
  showEpoch();
}
