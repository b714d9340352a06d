// The paper is UNITS wide and high, however many pixels that is; a drawing that was opened in
// its simplified form lies in the dataset's box of 256 with a margin, as the network sees it.
const UNITS = 1000;
const BOX = { size: 304, margin: 24 };
const LINE = UNITS / 19;
const STEP = 40;
const SMALL_STEP = 10;
const SHOWN = 10;

const part = (id) => document.getElementById(id);
const paper = part("paper");
const classSet = part("class-set");

let strokes = [];
let simplified = false;
let opened = [];
let place = 0;
let pointer = null;
const pen = { x: UNITS / 2, y: UNITS / 2, down: false };

// Asking: one request at a time, and always for the newest drawing.
let revision = 0;
let asking = false;
let spoken = "";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}

function toUnits([x, y]) {
  const scale = UNITS / BOX.size;
  const move = (values) => values.map((value) => (value + BOX.margin) * scale);
  return simplified ? [move(x), move(y)] : [x, y];
}

function paint() {
  const side = Math.max(1, Math.round(paper.clientWidth * devicePixelRatio));
  if (paper.width !== side) {
    paper.width = side;
    paper.height = side;
  }
  const context = paper.getContext("2d");
  context.setTransform(side / UNITS, 0, 0, side / UNITS, 0, 0);
  context.clearRect(0, 0, UNITS, UNITS);
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = LINE / 2;
  context.strokeStyle = colour("--ink");
  for (const [x, y] of strokes.map(toUnits)) {
    context.beginPath();
    context.moveTo(x[0], y[0]);
    x.forEach((value, i) => context.lineTo(value, y[i]));
    context.lineTo(x[x.length - 1], y[y.length - 1]);
    context.stroke();
  }
  if (paper.matches(":focus-visible")) paintPen(context);
}

function paintPen(context) {
  context.strokeStyle = context.fillStyle = colour("--accent");
  context.lineWidth = 6;
  context.beginPath();
  context.arc(pen.x, pen.y, LINE / 2, 0, 2 * Math.PI);
  context.stroke();
  if (pen.down) context.fill();
}

function changed() {
  revision += 1;
  part("undo").disabled = part("clear").disabled = strokes.length === 0;
  paint();
  ask();
}

function put(x, y) {
  const [xs, ys] = strokes[strokes.length - 1];
  const [a, b] = [x, y].map((value) => Math.round(value * 10) / 10);
  if (xs[xs.length - 1] !== a || ys[ys.length - 1] !== b) {
    xs.push(a);
    ys.push(b);
  }
}

function begin(x, y) {
  strokes = strokes.map(toUnits);
  simplified = false;
  strokes.push([[], []]);
  put(x, y);
}

function lift() {
  pointer = null;
  pen.down = false;
}

function undo() {
  lift();
  strokes.pop();
  changed();
}

function clear() {
  lift();
  strokes = [];
  simplified = false;
  opened = [];
  part("next").hidden = true;
  notice();
  changed();
}

function position(event) {
  const box = paper.getBoundingClientRect();
  return [
    ((event.clientX - box.left - paper.clientLeft) / paper.clientWidth) * UNITS,
    ((event.clientY - box.top - paper.clientTop) / paper.clientHeight) * UNITS,
  ];
}

paper.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  lift();
  pointer = event.pointerId;
  paper.setPointerCapture(pointer);
  begin(...position(event));
  changed();
});

paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const events = event.getCoalescedEvents?.() ?? [];
  for (const each of events.length ? events : [event]) put(...position(each));
  changed();
});

for (const end of ["pointerup", "pointercancel"]) {
  paper.addEventListener(end, (event) => {
    if (event.pointerId === pointer) lift();
  });
}

const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

paper.addEventListener("keydown", (event) => {
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
    if (strokes.length) undo();
  } else return;
  event.preventDefault();
  paint();
});

function press() {
  pen.down = !pen.down;
  say(pen.down ? "Pen down" : "Pen up");
  if (!pen.down) return;
  begin(pen.x, pen.y);
  changed();
}

for (const turn of ["focus", "blur"]) paper.addEventListener(turn, paint);

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && strokes.length) {
    event.preventDefault();
    undo();
  }
});

part("undo").addEventListener("click", undo);
part("clear").addEventListener("click", clear);
part("look-again").addEventListener("click", look);
part("open").addEventListener("click", () => part("file").click());
part("next").addEventListener("click", () => replay((place + 1) % opened.length));
classSet.addEventListener("change", choose);
new ResizeObserver(paint).observe(paper);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

part("file").addEventListener("change", async () => {
  const [file] = part("file").files;
  if (!file) return;
  try {
    const lines = (await file.text()).split("\n").filter((line) => line.trim());
    opened = lines.map(parsed);
    if (!opened.length) throw new Error("it is empty");
    replay(0);
  } catch (error) {
    notice(`${file.name} holds no strokes: give NDJSON with a drawing a line.`);
  }
  part("file").value = "";
});

function parsed(line) {
  const content = JSON.parse(line);
  const drawing = Array.isArray(content) ? content : content.drawing;
  const whole = (value) => Number.isInteger(value) && value >= 0 && value <= 255;
  const numbers = (row) => Array.isArray(row) && row.length && row.every(Number.isFinite);
  const sound = ([x, y]) => numbers(x) && numbers(y) && x.length === y.length;
  if (!Array.isArray(drawing) || !drawing.length || !drawing.every(sound)) throw new Error("no");
  // Simplified are lines of the dataset's, unless they have times, and what fills its box.
  const fills = drawing.some((stroke) => stroke.flat().some((value) => value >= 245));
  const isSimplified =
    drawing.every((stroke) => stroke.length === 2 && stroke.flat().every(whole)) &&
    (fills || content.key_id !== undefined);
  return { drawing: drawing.map(([x, y]) => [x, y]), isSimplified };
}

function replay(number) {
  lift();
  place = number;
  const { drawing, isSimplified } = opened[number];
  simplified = isSimplified;
  strokes = isSimplified ? drawing : fitted(drawing);
  part("next").hidden = opened.length < 2;
  notice(opened.length < 2 ? "" : `Drawing ${number + 1} of ${opened.length}.`);
  changed();
}

// Raw strokes of any unit, moved and scaled alike in both directions onto the paper.
function fitted(drawing) {
  const [x, y] = [0, 1].map((axis) => drawing.flatMap((stroke) => stroke[axis]));
  const [left, top] = [x, y].map((values) => values.reduce((a, b) => Math.min(a, b)));
  const [right, bottom] = [x, y].map((values) => values.reduce((a, b) => Math.max(a, b)));
  const scale = (0.8 * UNITS) / Math.max(right - left, bottom - top, 1e-9);
  const move = (values, least) => values.map((value) => (value - least) * scale + 0.1 * UNITS);
  return drawing.map((stroke) => [move(stroke[0], left), move(stroke[1], top)]);
}

function notice(text = "", wrong = false) {
  part("notice").textContent = text;
  part("notice").classList.toggle("wrong", wrong);
}

function say(text) {
  if (text !== spoken) part("spoken").textContent = spoken = text;
}

async function look() {
  notice("Looking for classifiers …");
  part("again").hidden = true;
  try {
    const { classifiers } = await answered(await fetch("classifiers"));
    offer(classifiers);
  } catch (error) {
    failed(error);
    part("again").hidden = false;
  }
}

function offer(classifiers) {
  const before = classSet.value;
  classSet.replaceChildren(...classifiers.map(option));
  if (classifiers.some((each) => each.class_set === before)) classSet.value = before;
  classSet.disabled = classifiers.length === 0;
  part("again").hidden = classifiers.length > 0;
  notice(classifiers.length ? "" : "There is no classifier yet: train one with “make run”.");
  choose();
}

function option({ class_set: key, categories, origin }) {
  const made = new Option(`${categories.length}: ${categories.join(", ")}`, key);
  made.dataset.origin = origin;
  return made;
}

function choose() {
  const origin = classSet.selectedOptions[0]?.dataset.origin;
  part("origin").textContent = origin ? `Classifier: ${origin}.` : "";
  revision += 1;
  ask();
}

async function answered(response) {
  const content = await response.json().catch(() => ({ error: "The server’s answer is damaged." }));
  if (!response.ok) throw new Error(content.error);
  return content;
}

async function ask() {
  document.body.dataset.state = "asking";
  if (asking) return;
  asking = true;
  for (let now = null; now !== revision; ) {
    now = revision;
    if (!strokes.length || !classSet.value) {
      show([]);
      continue;
    }
    const body = JSON.stringify({ class_set: classSet.value, strokes, simplified });
    const headers = { "Content-Type": "application/json" };
    try {
      const answer = await answered(await fetch("predictions", { method: "POST", headers, body }));
      if (strokes.length) show(answer.categories, answer.bitmap);
      if (part("notice").classList.contains("wrong")) notice();
    } catch (error) {
      failed(error);
    }
  }
  asking = false;
  document.body.dataset.state = "answered";
}

function failed(error) {
  const lost = error instanceof TypeError;
  notice(lost ? "The server does not answer: start it again with “make draw”." : error.message, true);
}

function show(categories, bitmap) {
  const rows = categories.slice(0, SHOWN).map(row);
  const list = part("answers");
  rows.forEach((made, i) => {
    if (list.children[i]) fill(list.children[i], made);
    else list.append(fill(blank(), made));
  });
  while (list.children.length > rows.length) list.lastChild.remove();
  part("waiting").hidden = rows.length > 0;
  part("seen").hidden = !bitmap;
  if (bitmap) paintBitmap(Uint8Array.from(atob(bitmap), (byte) => byte.charCodeAt(0)));
  if (rows.length && pointer === null && !pen.down) say(`${rows[0].category}, ${rows[0].chance}`);
}

function row({ category, probability }) {
  return { category, probability, chance: inPercent(100 * probability) };
}

// Softmax is never quite sure.
function inPercent(percent) {
  if (percent > 99.9) return "> 99.9 %";
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
}

function blank() {
  const item = document.createElement("li");
  for (const name of ["bar", "category", "chance"]) {
    item.append(Object.assign(document.createElement("span"), { className: name }));
  }
  return item;
}

function fill(item, { category, probability, chance }) {
  const [bar, name, figure] = item.children;
  bar.style.width = `${100 * probability}%`;
  name.textContent = category;
  figure.textContent = chance;
  item.dataset.category = category;
  item.dataset.probability = probability;
  return item;
}

function paintBitmap(levels) {
  const canvas = part("bitmap");
  const side = Math.sqrt(levels.length);
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(side, side);
  levels.forEach((level, i) => picture.data.set([level, level, level, 255], 4 * i));
  context.putImageData(picture, 0, 0);
}

paint();
look();
