// Modes, examples, heads and links; the page reads whole without any of this.
function enter(mode) {
  state.mode = mode;
  $$("[data-mode]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.mode === mode)));
  $$("[data-panel]").forEach((panel) => panel.toggleAttribute("hidden", panel.dataset.panel !== mode));
  if (mode !== "break" && state.fault) plant("");
  offerSlider();
  tellFault();
  cover();
  project();
  writeLink();
}

function open(name) {
  const next = DATA.scenes.find((scene) => scene.name === name) ?? DATA.scenes[0];
  if (state.fault) plant("");
  state.moved = state.cell = null;
  uncover();
  state.scene = next;
  $("#scene").value = next.name;
  $$(".scene").forEach((node) => node.classList.toggle("closed", node.dataset.scene !== next.name));
  next.trusted ??= disagreement(next) < TRUST;
  listFaults();
  listPlaces();
  listHeads();
  enter(state.mode);
}

function listHeads() {
  const box = $("#heads"), H = headsOf();
  box.textContent = "";
  box.toggleAttribute("hidden", !H);
  if (!H) return;
  for (const head of ["all", ...indices(Array(H).fill())]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head === "all" ? "all heads" : `head ${head + 1}`;
    button.addEventListener("click", () => showHead(head));
    box.append(button);
  }
  showHead(0);
}

function showHead(head) {
  $$("#heads button").forEach((button, n) => button.setAttribute("aria-pressed", String(n === (head === "all" ? 0 : head + 1))));
  for (const node of $$(".heads > [data-head]", root())) {
    const own = headOf(node), grouped = node.parentElement.children.length < headsOf();
    node.toggleAttribute("hidden", head !== "all" && own !== (grouped ? groupOf(head) : head));
  }
}

// #e=example&m=mode&s=place&f=fault&c=place/name/head/row/column
function writeLink() {
  const parts = { e: state.scene.name, m: state.mode, s: state.place };
  if (state.fault) parts.f = state.fault.name;
  if (state.cell) parts.c = Object.values(state.cell).join("/");
  const hash = `#${Object.entries(parts).map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join("&")}`;
  $("#link").setAttribute("href", hash);
  return hash;
}

function readLink() {
  const asked = Object.fromEntries((location.hash.slice(1) || (DATA.start ?? "")).split("&").map((part) => part.split("=").map(decodeURIComponent)));
  if (!asked.m) return;
  if (asked.s) state.place = asked.s;
  state.mode = $(`[data-mode="${CSS.escape(asked.m)}"]`) ? asked.m : "read";
  open(asked.e);
  if (asked.f) plant(asked.f);
  const [place, name, head, i, j] = (asked.c ?? "").split("/");
  if (j !== undefined) find(name, Number(head), Number(i), Number(j), place)?.focus();
}

function listen() {
  $$("[data-mode]").forEach((button) => button.addEventListener("click", () => enter(button.dataset.mode)));
  $$("[data-outline]").forEach((button) => button.addEventListener("click", () => {
    state.outline = button.dataset.outline;
    $$("[data-outline]").forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
    outline();
  }));
  $("#scene").addEventListener("change", (event) => open(event.target.value));
  $("#fault").addEventListener("change", (event) => plant(event.target.value));
  $("#earlier").addEventListener("click", () => nextFault(-1));
  $("#later").addEventListener("click", () => nextFault(1));
  $("#by").addEventListener("input", slide);
  $("#covered").addEventListener("change", cover);
  $("#answers").addEventListener("click", answer);
  $("#previous").addEventListener("click", () => turn(-1));
  $("#next").addEventListener("click", () => turn(1));
  document.addEventListener("focusin", (event) => {
    const td = event.target.closest?.("table[role='grid'] td");
    if (td) choose(td);
  });
  document.addEventListener("click", (event) => event.target.closest?.("table[role='grid'] td")?.focus());
  document.addEventListener("keydown", walkCells);
  document.addEventListener("keydown", turnByKey);
  window.addEventListener("hashchange", readLink);
}

DATA.scenes.forEach(prepare);
listen();
$("#bar").hidden = false;
document.body.classList.add("live");
startRun();
open(DATA.scenes[0].name);
readLink();
window.numpyAttention = { DATA, state, attention, attendForward, format, disagreement, problem, plant, open, enter, slopeHere, movedBy };
