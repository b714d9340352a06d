// The paper: what is drawn on it with mouse, finger or keyboard, and how it looks.
// It is UNITS wide and high, however many pixels that is; a drawing in the dataset's simplified
// form lies in its box of 256 with a margin, as the network sees it.
const UNITS = 1000;
const BOX = { size: 304, margin: 24 };
const LINE = UNITS / 19;
const STEP = 40;
const SMALL_STEP = 10;
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const canvas = document.getElementById("paper");
const pen = { x: UNITS / 2, y: UNITS / 2, down: false };
let pointer = null;
let listener = () => {};
let speaker = () => {};

// The `ink` of a picture is answered with its strokes, until these are changed.
export const drawing = { strokes: [], simplified: false, ink: null };

// Calls `changed` after each change, and `say` with what a screen reader should tell.
export function listen(changed, say) {
  listener = changed;
  speaker = say;
}

export function isPressed() {
  return pointer !== null || pen.down;
}

export function load(strokes, simplified, ink = null) {
  lift();
  Object.assign(drawing, { strokes, simplified, ink });
  changed();
}

export function undo() {
  lift();
  drawing.strokes.pop();
  drawing.ink = null;
  changed();
}

function changed() {
  paint();
  listener();
}

function toUnits([x, y]) {
  const scale = UNITS / BOX.size;
  const move = (values) => values.map((value) => (value + BOX.margin) * scale);
  return drawing.simplified ? [move(x), move(y)] : [x, y];
}

export function paint() {
  const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  if (canvas.width !== side) {
    canvas.width = side;
    canvas.height = side;
  }
  const context = canvas.getContext("2d");
  context.setTransform(side / UNITS, 0, 0, side / UNITS, 0, 0);
  context.clearRect(0, 0, UNITS, UNITS);
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = LINE / 2;
  context.strokeStyle = colour("--ink");
  for (const [x, y] of drawing.strokes.map(toUnits)) {
    context.beginPath();
    context.moveTo(x[0], y[0]);
    x.forEach((value, i) => context.lineTo(value, y[i]));
    context.lineTo(x[x.length - 1], y[y.length - 1]);
    context.stroke();
  }
  if (canvas.matches(":focus-visible")) paintPen(context);
}

function paintPen(context) {
  context.strokeStyle = context.fillStyle = colour("--accent");
  context.lineWidth = 6;
  context.beginPath();
  context.arc(pen.x, pen.y, LINE / 2, 0, 2 * Math.PI);
  context.stroke();
  if (pen.down) context.fill();
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}

function begin(x, y) {
  drawing.strokes = drawing.strokes.map(toUnits);
  drawing.simplified = false;
  drawing.ink = null;
  drawing.strokes.push([[], []]);
  put(x, y);
}

function put(x, y) {
  const [xs, ys] = drawing.strokes[drawing.strokes.length - 1];
  const [a, b] = [x, y].map((value) => Math.round(value * 10) / 10);
  if (xs[xs.length - 1] !== a || ys[ys.length - 1] !== b) {
    xs.push(a);
    ys.push(b);
  }
}

function lift() {
  pointer = null;
  pen.down = false;
}

function position(event) {
  const box = canvas.getBoundingClientRect();
  return [
    ((event.clientX - box.left - canvas.clientLeft) / canvas.clientWidth) * UNITS,
    ((event.clientY - box.top - canvas.clientTop) / canvas.clientHeight) * UNITS,
  ];
}

canvas.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  lift();
  pointer = event.pointerId;
  canvas.setPointerCapture(pointer);
  begin(...position(event));
  changed();
});

canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const events = event.getCoalescedEvents?.() ?? [];
  for (const each of events.length ? events : [event]) put(...position(each));
  changed();
});

for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, (event) => {
    if (event.pointerId === pointer) lift();
  });
}

canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || pointer !== null) return;
  if (event.key in ARROWS) {
    const step = event.shiftKey ? SMALL_STEP : STEP;
    const [dx, dy] = ARROWS[event.key];
    pen.x = Math.min(UNITS, Math.max(0, pen.x + dx * step));
    pen.y = Math.min(UNITS, Math.max(0, pen.y + dy * step));
    if (pen.down) {
      put(pen.x, pen.y);
      changed();
    }
  } else if (event.key === " ") {
    if (!event.repeat) press();
  } else if (event.key === "Backspace") {
    if (drawing.strokes.length) undo();
  } else return;
  event.preventDefault();
  paint();
});

function press() {
  pen.down = !pen.down;
  speaker(pen.down ? "Pen down" : "Pen up");
  if (!pen.down) return;
  begin(pen.x, pen.y);
  changed();
}

for (const turn of ["focus", "blur"]) canvas.addEventListener(turn, paint);
new ResizeObserver(paint).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
