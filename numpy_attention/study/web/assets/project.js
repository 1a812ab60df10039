// Project: one step a screen, large; PageUp and PageDown go on.
function show(place) {
  state.place = place;
  $$("[data-place]", root()).forEach((node) => node.classList.toggle("shown", node.dataset.place === place));
  const order = used(), n = order.indexOf(place);
  $("#screen").textContent = `${n + 1} of ${order.length}: step ${titleOf(place)}`;
  $("#previous").disabled = n <= 0;
  $("#next").disabled = n === order.length - 1;
  writeLink();
}

function project() {
  const on = state.mode === "project";
  document.body.classList.toggle("project", on);
  $$(".shown").forEach((node) => node.classList.remove("shown"));
  if (on) show(used().includes(state.place) ? state.place : used()[0]);
}

function turn(by) {
  const order = used(), next = order[order.indexOf(state.place) + by];
  if (next) show(next);
}

function turnByKey(event) {
  if (state.mode !== "project" || !["PageDown", "PageUp"].includes(event.key)) return;
  event.preventDefault();
  turn(event.key === "PageDown" ? 1 : -1);
}
