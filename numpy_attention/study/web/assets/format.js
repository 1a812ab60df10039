// Numbers as tables.py writes them.
const SMALLEST = 1e-3, LARGEST = 1e5, SHADES = 5;

function format(x, whole = false) {
  if (Number.isNaN(x)) return "NaN";
  if (x === 0) return "0";
  const sign = x < 0 ? "−" : "", size = Math.abs(x);
  if (size === Infinity) return `${sign}∞`;
  if (whole && size < LARGEST) return sign + size.toFixed(0);
  if (size < SMALLEST || size >= LARGEST) return sign + size.toExponential(1).replace("+", "");
  return sign + size.toFixed(4);
}

const brief = (x) => format(x, Number.isInteger(x));

function shade(x, largest) {
  if (!Number.isFinite(x) || !x || !largest) return "";
  const step = Math.max(1, Math.ceil(SHADES * Math.min(1, Math.abs(x) / largest)));
  return (x < 0 ? "n" : "p") + step;
}

// Arrays of any depth as rows of cells, as they stand in a table.
const depth = (x) => (Array.isArray(x) ? 1 + depth(x[0]) : 0);

function grid(x, name) {
  if (depth(x) === 0) return [[x]];
  if (depth(x) === 1) return name === "lse" ? x.map((entry) => [entry]) : [x];
  return x;
}

const finite = (rows) => rows.flat().filter(Number.isFinite);
const largestOf = (rows) => Math.max(0, ...finite(rows).map(Math.abs));
const allWhole = (rows) => finite(rows).every(Number.isInteger);
